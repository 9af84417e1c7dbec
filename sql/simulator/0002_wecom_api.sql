-- WeCom's server API: tokens that were given out, faults that were asked for, calls and messages as they came.
-- Times are milliseconds since 1970, UTC.

CREATE TABLE IF NOT EXISTS simulator_token (
	token       VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	agent       BIGINT  NOT NULL,
	expires_ms  BIGINT  NOT NULL,
	dead        BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'WeCom knows it no more',
	KEY by_agent (agent, expires_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One row. NULL: the setting of [simulator] holds.
CREATE TABLE IF NOT EXISTS simulator_wecom (
	id             TINYINT NOT NULL PRIMARY KEY,
	token_life_ms  BIGINT  NULL,
	token_mode     VARCHAR(20) CHARACTER SET ascii NOT NULL DEFAULT 'new' COMMENT 'what another gettoken does',
	per_minute     BIGINT  NOT NULL DEFAULT 0 COMMENT 'calls of one API that one app may make; 0: any number'
) ENGINE=InnoDB;

INSERT IGNORE INTO simulator_wecom (id) VALUES (1);

CREATE TABLE IF NOT EXISTS simulator_fault (
	id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	api        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'such as message/send; *: every one',
	kind       VARCHAR(16) CHARACTER SET ascii NOT NULL,
	errcode    BIGINT NOT NULL,
	ms         BIGINT NOT NULL,
	remaining  BIGINT NOT NULL COMMENT 'calls that it still strikes; -1: all'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS simulator_call (
	id       BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	api      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	agent    BIGINT NOT NULL COMMENT '0: not known',
	errcode  BIGINT NOT NULL,
	fault    VARCHAR(16) CHARACTER SET ascii NOT NULL COMMENT 'empty: none',
	at_ms    BIGINT NOT NULL,
	KEY by_api (api, at_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS simulator_app_message (
	id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	msgid      VARCHAR(64) CHARACTER SET ascii NOT NULL,
	agent      BIGINT NOT NULL,
	touser     TEXT NOT NULL COMMENT 'who got it, joined by |',
	msgtype    VARCHAR(32) CHARACTER SET ascii NOT NULL,
	body       MEDIUMTEXT NOT NULL COMMENT 'the request',
	body_hash  BINARY(32) NOT NULL,
	at_ms      BIGINT NOT NULL,
	KEY by_hash (agent, body_hash, at_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
