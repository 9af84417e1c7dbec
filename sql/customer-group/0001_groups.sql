-- Customer groups, their members and join ways; the sweeps that keep them in step with WeCom; customers of members.

CREATE TABLE IF NOT EXISTS wecom_customer_group (
	id              BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	chat_id         VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	name            VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'empty: nobody named it',
	owner           VARCHAR(64)  NOT NULL DEFAULT '',
	member_count    INT          NOT NULL DEFAULT 0 COMMENT 'the owner and other members of the company among them',
	customer_count  INT          NOT NULL DEFAULT 0,
	status          TINYINT      NOT NULL DEFAULT 0 COMMENT 'WeCom''s 0 normal, 1 owner departed, 2 being inherited, 3 inherited; ours 10 dismissed, 11 unavailable',
	notice          TEXT         NOT NULL DEFAULT '',
	member_version  VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
	created_at      DATETIME(3)  NULL COMMENT 'when the group was made',
	detail_at       DATETIME(3)  NULL COMMENT 'when the detail that is here was asked for',
	detail_due      BOOLEAN      NOT NULL DEFAULT TRUE COMMENT 'to be asked for by the next sweep, however young',
	errcode         BIGINT       NOT NULL DEFAULT 0 COMMENT 'what the last question for the detail was refused with',
	listed_sweep    BIGINT       NOT NULL DEFAULT 0 COMMENT 'the last sweep that saw it in a list',
	activity_at     DATETIME(3)  NULL COMMENT 'last join, leave, confirmed send or archived message; NULL: unknown',
	dismissed_at    DATETIME(3)  NULL,
	updated_at      DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY by_chat (chat_id),
	KEY by_owner (owner),
	KEY by_due (detail_due, id),
	KEY by_detail (detail_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- One row for each time somebody was in a group: the history of joins and leaves.
CREATE TABLE IF NOT EXISTS wecom_customer_group_member (
	id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	group_id   BIGINT NOT NULL,
	member_id  VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'userid or external_userid',
	kind       TINYINT NOT NULL COMMENT '1 member of the company, 2 from outside',
	joined_at  DATETIME(3) NOT NULL,
	scene      TINYINT NOT NULL DEFAULT 0 COMMENT '1 invited, 2 by link, 3 by QR code',
	inviter    VARCHAR(64) NOT NULL DEFAULT '',
	state      VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'of the join way',
	names      VARBINARY(2000) NOT NULL COMMENT 'name and nickname, sealed',
	names_tag  CHAR(16) CHARACTER SET ascii NOT NULL DEFAULT '' COMMENT 'keyed hash, to see a change',
	left_at    DATETIME(3) NULL,
	UNIQUE KEY by_stay (group_id, member_id, joined_at),
	KEY by_joined (group_id, joined_at),
	KEY by_left (group_id, left_at),
	KEY by_state (state, joined_at),
	KEY by_member (member_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_customer_owner (
	userid     VARCHAR(64) NOT NULL PRIMARY KEY,
	followed   BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'among the members with 客户联系',
	errcode    BIGINT  NOT NULL DEFAULT 0 COMMENT 'what the last list of the owner''s groups was refused with',
	listed_at  DATETIME(3) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_customer_sweep (
	id            BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	kind          VARCHAR(16) CHARACTER SET ascii NOT NULL COMMENT 'sync or reconcile',
	state         VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'running' COMMENT 'running, done, failed',
	only_one      TINYINT NULL DEFAULT 1 COMMENT 'NULL when it has ended',
	phase         VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'owners',
	run           INT    NOT NULL DEFAULT 1 COMMENT 'number of its latest job',
	asked_by      VARCHAR(128) NOT NULL,
	owners        INT    NOT NULL DEFAULT 0,
	owners_failed INT    NOT NULL DEFAULT 0,
	groups_listed INT    NOT NULL DEFAULT 0,
	groups_new    INT    NOT NULL DEFAULT 0,
	details       INT    NOT NULL DEFAULT 0,
	contacts      INT    NOT NULL DEFAULT 0,
	calls         INT    NOT NULL DEFAULT 0,
	drifts        INT    NOT NULL DEFAULT 0,
	error         VARCHAR(320) NOT NULL DEFAULT '',
	started_at    DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	ended_at      DATETIME(3) NULL,
	UNIQUE KEY one_at_once (only_one)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_customer_sweep_owner (
	sweep_id  BIGINT NOT NULL,
	userid    VARCHAR(64) NOT NULL,
	groups_done   BOOLEAN NOT NULL DEFAULT FALSE,
	contacts_done BOOLEAN NOT NULL DEFAULT FALSE,
	followed  BOOLEAN NOT NULL,
	PRIMARY KEY (sweep_id, userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_customer_drift (
	id        BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	sweep_id  BIGINT NOT NULL,
	object    VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'group:CHAT_ID, contact:EXTERNAL_USERID',
	field     VARCHAR(32) CHARACTER SET ascii NOT NULL,
	ours      VARCHAR(255) NOT NULL,
	theirs    VARCHAR(255) NOT NULL,
	at        DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY by_sweep (sweep_id, object, field)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_customer_warning (
	id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	kind        VARCHAR(32) CHARACTER SET ascii NOT NULL,
	object      VARCHAR(200) NOT NULL,
	errcode     BIGINT NOT NULL DEFAULT 0,
	details     TEXT   NOT NULL DEFAULT '{}',
	first_at    DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	last_at     DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	cleared_at  DATETIME(3) NULL,
	UNIQUE KEY by_object (kind, object)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_customer_group_tag (
	group_id  BIGINT NOT NULL,
	tag       VARCHAR(64) NOT NULL,
	PRIMARY KEY (group_id, tag),
	KEY by_tag (tag)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS wecom_customer_segment (
	id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name         VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	rules        TEXT   NOT NULL COMMENT 'the filters of the list of groups, as JSON',
	group_count  INT    NOT NULL DEFAULT 0,
	updated_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY by_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_customer_segment_group (
	segment_id  BIGINT NOT NULL,
	group_id    BIGINT NOT NULL,
	PRIMARY KEY (segment_id, group_id),
	KEY by_group (group_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Messages that owners confirmed: what uses up a group's quota. Written by who sends.
CREATE TABLE IF NOT EXISTS wecom_customer_group_send (
	send_key  VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY,
	group_id  BIGINT NOT NULL,
	sent_at   DATETIME(3) NOT NULL,
	KEY by_group (group_id, sent_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_join_way (
	id                BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	config_id         VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'pending-ID until WeCom has given one',
	state             VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'which its members are attributed by',
	scene             TINYINT NOT NULL DEFAULT 2,
	remark            VARCHAR(64) NOT NULL DEFAULT '',
	auto_create_room  BOOLEAN NOT NULL DEFAULT TRUE,
	room_base_name    VARCHAR(64) NOT NULL DEFAULT '',
	room_base_id      BIGINT  NOT NULL DEFAULT 0,
	chat_ids          TEXT    NOT NULL COMMENT 'a JSON list: what we asked for',
	rooms             TEXT    NOT NULL DEFAULT '[]' COMMENT 'a JSON list: what WeCom shows, with the groups it made',
	qr_code           VARCHAR(1024) NOT NULL DEFAULT '' COMMENT 'URL of the picture',
	qr_image          MEDIUMBLOB NULL,
	status            VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'pending' COMMENT 'pending, uncertain, active, gone, deleted',
	full              BOOLEAN NOT NULL DEFAULT FALSE,
	differs           TEXT    NULL COMMENT 'fields that WeCom shows otherwise, a JSON object; NULL: none',
	checked_at        DATETIME(3) NULL,
	made_by           VARCHAR(128) NOT NULL DEFAULT '',
	updated_at        DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY by_config (config_id),
	KEY by_state (state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_contact (
	id               BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	external_userid  VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	customer_id      BIGINT  NOT NULL DEFAULT 0 COMMENT 'of the core''s customers; 0: not joined to one',
	kind             TINYINT NOT NULL DEFAULT 1 COMMENT '1 of WeChat, 2 of another company',
	person           VARBINARY(2000) NOT NULL COMMENT 'name and unionid, sealed',
	updated_at       DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY by_external (external_userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_contact_follow (
	id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	contact_id   BIGINT NOT NULL,
	userid       VARCHAR(64) NOT NULL,
	status       VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'friend' COMMENT 'friend, half, deleted (by the member), left (the customer did), lost',
	state        VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
	add_way      INT    NOT NULL DEFAULT 0,
	tags         TEXT   NOT NULL DEFAULT '[]' COMMENT 'ids, a JSON list',
	person       VARBINARY(3000) NOT NULL COMMENT 'remark and mobiles, sealed',
	person_tag   CHAR(16) CHARACTER SET ascii NOT NULL DEFAULT '',
	followed_at  DATETIME(3) NULL,
	seen_sweep   BIGINT NOT NULL DEFAULT 0,
	updated_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY by_pair (contact_id, userid),
	KEY by_user (userid, contact_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS wecom_corp_tag (
	tag_id      VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
	group_name  VARCHAR(64) NOT NULL,
	name        VARCHAR(64) NOT NULL,
	seen_at     DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- WeCom's own figures, by day and owner.
CREATE TABLE IF NOT EXISTS wecom_customer_group_stat (
	day    DATE NOT NULL,
	owner  VARCHAR(64) NOT NULL,
	data   TEXT NOT NULL,
	PRIMARY KEY (day, owner)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
