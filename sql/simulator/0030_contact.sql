-- Customer contact: members who may have customers, customers, tags, customer groups, join ways, and the events of all that.
-- Times are seconds since 1970 where WeCom's are, milliseconds where the name says so; UTC.

CREATE TABLE IF NOT EXISTS simulator_contact_member (
	userid      VARCHAR(64) NOT NULL PRIMARY KEY COMMENT 'compared without regard to case',
	name        VARCHAR(64) NOT NULL,
	permission  BOOLEAN NOT NULL DEFAULT TRUE COMMENT 'has 客户联系',
	visible     BOOLEAN NOT NULL DEFAULT TRUE COMMENT 'in the visible range of the apps',
	departed_s  BIGINT  NULL COMMENT 'when the member left the company'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS simulator_customer (
	external_userid  VARCHAR(64) NOT NULL PRIMARY KEY,
	name             VARCHAR(64) NOT NULL,
	unionid          VARCHAR(64) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_follow (
	userid           VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL,
	external_userid  VARCHAR(64) NOT NULL,
	remark           VARCHAR(64) NOT NULL DEFAULT '',
	mobile           VARCHAR(32) NOT NULL DEFAULT '',
	state            VARCHAR(64) NOT NULL DEFAULT '',
	add_way          INT     NOT NULL DEFAULT 1,
	created_s        BIGINT  NOT NULL,
	half             BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'not mutual yet',
	tags             TEXT    NOT NULL DEFAULT '[]' COMMENT 'ids, a JSON list',
	PRIMARY KEY (userid, external_userid),
	KEY by_customer (external_userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_tag (
	tag_id      VARCHAR(64) NOT NULL PRIMARY KEY,
	group_id    VARCHAR(64) NOT NULL,
	group_name  VARCHAR(64) NOT NULL,
	name        VARCHAR(64) NOT NULL,
	ord         BIGINT  NOT NULL DEFAULT 0,
	created_s   BIGINT  NOT NULL,
	deleted     BOOLEAN NOT NULL DEFAULT FALSE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_room (
	chat_id         VARCHAR(64) NOT NULL PRIMARY KEY,
	name            VARCHAR(255) NOT NULL DEFAULT '',
	owner           VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL,
	notice          TEXT    NOT NULL DEFAULT '',
	created_s       BIGINT  NOT NULL,
	status          INT     NOT NULL DEFAULT 0 COMMENT '0 normal, 1 owner departed, 2 being inherited, 3 inherited',
	dismissed       BOOLEAN NOT NULL DEFAULT FALSE,
	capacity        INT     NOT NULL DEFAULT 200,
	version         BIGINT  NOT NULL DEFAULT 1 COMMENT 'of the members',
	before_json     MEDIUMTEXT NULL COMMENT 'what the detail shows until before_until_ms',
	before_until_ms BIGINT  NOT NULL DEFAULT 0,
	KEY by_owner (owner, chat_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_room_member (
	chat_id   VARCHAR(64) NOT NULL,
	id        VARCHAR(64) NOT NULL,
	type      INT     NOT NULL COMMENT '1 member, 2 customer',
	join_s    BIGINT  NOT NULL,
	scene     INT     NOT NULL COMMENT '1 invited, 2 by link, 3 by QR code',
	invitor   VARCHAR(64) NOT NULL DEFAULT '',
	state     VARCHAR(64) NOT NULL DEFAULT '',
	nickname  VARCHAR(64) NOT NULL DEFAULT '',
	PRIMARY KEY (chat_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_join_way (
	config_id         VARCHAR(64) NOT NULL PRIMARY KEY,
	agent             BIGINT  NOT NULL,
	scene             INT     NOT NULL,
	remark            VARCHAR(64) NOT NULL DEFAULT '',
	auto_create_room  BOOLEAN NOT NULL DEFAULT TRUE,
	room_base_name    VARCHAR(64) NOT NULL DEFAULT '',
	room_base_id      BIGINT  NOT NULL DEFAULT 0,
	next_no           BIGINT  NOT NULL DEFAULT 0,
	chat_ids          TEXT    NOT NULL COMMENT 'a JSON list',
	state             VARCHAR(64) NOT NULL DEFAULT '',
	created_s         BIGINT  NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS simulator_contact_event (
	id       BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	xml      TEXT   NOT NULL,
	tries    INT    NOT NULL DEFAULT 0,
	status   INT    NOT NULL DEFAULT 0 COMMENT 'HTTP of the last try; 0: none, or no answer',
	at_ms    BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row.
CREATE TABLE IF NOT EXISTS simulator_contact_rules (
	id              TINYINT NOT NULL PRIMARY KEY,
	detail_lag_ms   BIGINT  NOT NULL DEFAULT 0 COMMENT 'how long details lag behind their events',
	outside_code    BIGINT  NOT NULL DEFAULT 60011 COMMENT 'what a member outside the visible range gives',
	page_max        BIGINT  NOT NULL DEFAULT 1000 COMMENT 'rows of a page, if less than was asked for',
	cursor_life_ms  BIGINT  NOT NULL DEFAULT 600000,
	lower_case      BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'userids come back in lower case',
	unionids        BOOLEAN NOT NULL DEFAULT TRUE COMMENT 'a developer id is bound'
) ENGINE=InnoDB;

INSERT IGNORE INTO simulator_contact_rules (id) VALUES (1);

ALTER TABLE simulator_fault
	ADD COLUMN IF NOT EXISTS skip BIGINT NOT NULL DEFAULT 0 COMMENT 'calls that pass before it strikes';
