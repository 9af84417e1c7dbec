-- 微信客服: its accounts, people, sessions and messages, and the simulator's own books of everything that was sent. Times are
-- milliseconds since 1970, UTC, by the simulator's clock.

-- One row: how far the simulator's clock is ahead of the real one.
CREATE TABLE IF NOT EXISTS simulator_clock (
	id        TINYINT NOT NULL PRIMARY KEY,
	ahead_ms  BIGINT  NOT NULL DEFAULT 0
) ENGINE=InnoDB;

INSERT IGNORE INTO simulator_clock (id) VALUES (1);

-- Calls that fail by chance: the same seed gives the same calls of each API.
CREATE TABLE IF NOT EXISTS simulator_chance (
	id         TINYINT      NOT NULL PRIMARY KEY,
	api        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'what names of APIs begin with',
	per_mille  BIGINT       NOT NULL DEFAULT 0 COMMENT '0: none',
	seed       BIGINT       NOT NULL DEFAULT 0,
	kinds      VARCHAR(200) CHARACTER SET ascii NOT NULL DEFAULT '' COMMENT 'a|b',
	ms         BIGINT       NOT NULL DEFAULT 0 COMMENT 'of kind timeout'
) ENGINE=InnoDB;

INSERT IGNORE INTO simulator_chance (id) VALUES (1);

CREATE TABLE IF NOT EXISTS simulator_chance_count (
	api    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	calls  BIGINT NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS simulator_kf_account (
	open_kfid       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	name            VARCHAR(64)  NOT NULL,
	avatar          VARCHAR(128) NOT NULL DEFAULT '' COMMENT 'a media_id',
	managed         BOOLEAN NOT NULL DEFAULT TRUE COMMENT 'manage_privilege',
	native_welcome  BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'a welcome of its own is configured',
	deleted         BOOLEAN NOT NULL DEFAULT FALSE,
	seq             BIGINT  NOT NULL DEFAULT 0 COMMENT 'of its last message; who appends holds the row',
	created_ms      BIGINT  NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_kf_servicer (
	open_kfid   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	userid      VARCHAR(64) NOT NULL COMMENT 'empty: a department',
	department  BIGINT  NOT NULL DEFAULT 0,
	status      TINYINT NOT NULL DEFAULT 0 COMMENT '0 receiving, 1 stopped',
	stop_type   TINYINT NOT NULL DEFAULT 0 COMMENT '0 stopped, 1 suspended',
	activated   BOOLEAN NOT NULL DEFAULT TRUE,
	PRIMARY KEY (open_kfid, userid, department)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_kf_link (
	enc_scene  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	open_kfid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	scene      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty: none',
	url        VARCHAR(300) CHARACTER SET ascii NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS simulator_kf_customer (
	external_userid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	nickname         VARCHAR(100) NOT NULL,
	unionid          VARCHAR(64)  NOT NULL DEFAULT '' COMMENT 'empty: no developer account is bound',
	gender           TINYINT NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A customer at an account. Who changes it holds the row.
CREATE TABLE IF NOT EXISTS simulator_kf_session (
	open_kfid        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	external_userid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	state            TINYINT NOT NULL DEFAULT 4,
	servicer         VARCHAR(64) NOT NULL DEFAULT '',
	begun_ms         BIGINT  NOT NULL DEFAULT 0,
	customer_ms      BIGINT  NOT NULL DEFAULT 0 COMMENT 'the customer''s last message; 0: none',
	sent             BIGINT  NOT NULL DEFAULT 0 COMMENT 'by send_msg since then',
	coded            BIGINT  NOT NULL DEFAULT 0 COMMENT 'bits: the session was in that state by trans before',
	rejected         BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'a servicer takes no messages of this customer',
	welcomed_ms      BIGINT  NOT NULL DEFAULT 0,
	entered_ms       BIGINT  NOT NULL DEFAULT 0,
	scene            VARCHAR(32)  NOT NULL DEFAULT '',
	scene_param      VARCHAR(128) NOT NULL DEFAULT '',
	PRIMARY KEY (open_kfid, external_userid),
	KEY by_customer (external_userid, entered_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Every change of a session's state, and who did it.
CREATE TABLE IF NOT EXISTS simulator_kf_change (
	id               BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	open_kfid        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	external_userid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	was              TINYINT NOT NULL,
	state            TINYINT NOT NULL,
	servicer         VARCHAR(64) NOT NULL,
	who              VARCHAR(16) CHARACTER SET ascii NOT NULL COMMENT 'customer, api or servicer',
	at_ms            BIGINT  NOT NULL,
	KEY by_time (open_kfid, at_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What sync_msg gives: messages of customers and servicers, and events.
CREATE TABLE IF NOT EXISTS simulator_kf_message (
	open_kfid        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	seq              BIGINT  NOT NULL,
	msgid            VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	external_userid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	origin           TINYINT NOT NULL COMMENT '3 customer, 4 event, 5 servicer',
	servicer         VARCHAR(64) NOT NULL DEFAULT '',
	msgtype          VARCHAR(64) NOT NULL,
	content          MEDIUMTEXT NOT NULL COMMENT 'the object of that name, JSON',
	at_ms            BIGINT  NOT NULL,
	visible_ms       BIGINT  NOT NULL COMMENT 'later than at_ms where syncing lags',
	pulled           BIGINT  NOT NULL DEFAULT 0 COMMENT 'how often sync_msg gave it',
	PRIMARY KEY (open_kfid, seq),
	UNIQUE KEY by_msgid (msgid),
	KEY by_customer (open_kfid, external_userid, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Every send_msg and send_msg_on_event that came so far as to be judged: what it was, how things stood, what became of it.
CREATE TABLE IF NOT EXISTS simulator_kf_send (
	id               BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	api              VARCHAR(32) CHARACTER SET ascii NOT NULL,
	open_kfid        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	external_userid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	msgid            VARCHAR(64) NOT NULL COMMENT 'as it came',
	msgtype          VARCHAR(64) NOT NULL,
	content          MEDIUMTEXT NOT NULL COMMENT 'as the customer sees it, JSON; of a refused one as it came',
	state            TINYINT NOT NULL COMMENT 'of the session before',
	sent             BIGINT  NOT NULL COMMENT 'how many of the five were used before',
	errcode          BIGINT  NOT NULL,
	at_ms            BIGINT  NOT NULL,
	fail_type        BIGINT  NULL COMMENT 'it was accepted, and msg_send_fail came later',
	accepted         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin AS (IF(errcode = 0, msgid, NULL)) STORED,
	UNIQUE KEY by_msgid (open_kfid, accepted),
	KEY by_customer (open_kfid, external_userid, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Codes of send_msg_on_event.
CREATE TABLE IF NOT EXISTS simulator_kf_code (
	code             VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	open_kfid        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	external_userid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	trigger_name     VARCHAR(16) CHARACTER SET ascii NOT NULL COMMENT 'welcome, pool, picked or ended',
	state            TINYINT NOT NULL COMMENT 'the session must still be in it; -1: in any',
	until_ms         BIGINT  NOT NULL,
	used_ms          BIGINT  NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Tokens of doorbells, and how the doorbells went.
CREATE TABLE IF NOT EXISTS simulator_kf_ring (
	id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	open_kfid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	token      VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	until_ms   BIGINT NOT NULL,
	at_ms      BIGINT NOT NULL,
	tries      INT    NOT NULL DEFAULT 0,
	status     INT    NOT NULL DEFAULT 0 COMMENT 'HTTP, of the last try; 0: no answer yet',
	error      VARCHAR(400) NOT NULL DEFAULT '',
	done       BOOLEAN NOT NULL DEFAULT FALSE,
	UNIQUE KEY by_token (token)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Calls of sync_msg without a token: they have a limit of their own.
CREATE TABLE IF NOT EXISTS simulator_kf_tokenless (
	id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	open_kfid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	at_ms      BIGINT NOT NULL,
	KEY by_account (open_kfid, at_ms)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS simulator_kf_upgrade (
	open_kfid        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	external_userid  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	kind             TINYINT NOT NULL COMMENT '1 member, 2 group',
	target           VARCHAR(64) NOT NULL,
	wording          VARCHAR(400) NOT NULL,
	at_ms            BIGINT NOT NULL,
	PRIMARY KEY (open_kfid, external_userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Temporary media: what apps upload, and what customers sent. Pieces, since a packet of MariaDB holds less than the greatest file.
CREATE TABLE IF NOT EXISTS simulator_upload (
	media_id    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	type        VARCHAR(16) CHARACTER SET ascii NOT NULL,
	name        VARCHAR(200) NOT NULL,
	bytes       BIGINT NOT NULL,
	created_ms  BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_upload_piece (
	media_id  VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	no        INT NOT NULL,
	piece     MEDIUMBLOB NOT NULL,
	PRIMARY KEY (media_id, no)
) ENGINE=InnoDB;

-- One row: what tests change.
CREATE TABLE IF NOT EXISTS simulator_kf_control (
	id                    TINYINT NOT NULL PRIMARY KEY,
	callback              VARCHAR(1024) NOT NULL DEFAULT '' COMMENT 'where doorbells go; empty: as configured',
	rings                 BIGINT NOT NULL DEFAULT 1,
	lag_ms                BIGINT NOT NULL DEFAULT 0,
	page_max              BIGINT NOT NULL DEFAULT 1000,
	empty_pages           BIGINT NOT NULL DEFAULT 0,
	duplicate_pages       BIGINT NOT NULL DEFAULT 0,
	refused_cursors       BIGINT NOT NULL DEFAULT 0,
	cursor_errcode        BIGINT NOT NULL DEFAULT 40058,
	old_cursor            VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'oldest',
	tokenless_per_minute  BIGINT NOT NULL DEFAULT 10,
	repeat_errcode        BIGINT NOT NULL DEFAULT 40058,
	code_errcode          BIGINT NOT NULL DEFAULT 41050,
	loose                 BOOLEAN NOT NULL DEFAULT FALSE,
	route                 VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'new',
	unverified            BOOLEAN NOT NULL DEFAULT FALSE,
	fail_next             BIGINT NOT NULL DEFAULT 0,
	fail_type             BIGINT NOT NULL DEFAULT 0,
	upgrade_members       VARCHAR(1000) NOT NULL DEFAULT '',
	upgrade_groups        VARCHAR(1000) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO simulator_kf_control (id) VALUES (1);
