-- Conversations with people outside. What people say and are called is sealed under their customer's key; what must be found again is a
-- keyed hash. Lock order: customer, conversation, message, then jobs' lanes.

CREATE TABLE IF NOT EXISTS channel_identities (
	id             BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	channel        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	peer_hash      BINARY(32) NOT NULL COMMENT 'keyed hash of the channel''s id of the person',
	customer       BIGINT UNSIGNED NOT NULL,
	peer           BLOB NOT NULL COMMENT 'that id, under the customer''s key',
	name           BLOB NULL COMMENT 'nickname, under the customer''s key',
	name_hash      BINARY(32) NULL,
	ties           BLOB NULL COMMENT 'JSON of unionid, mobile, external_userid, under the customer''s key',
	other_customer BIGINT UNSIGNED NULL COMMENT 'whom its ties point to besides: for a person to decide',
	created_at     DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY peer (channel, peer_hash),
	KEY peer_hash (peer_hash),
	KEY name_hash (name_hash),
	KEY customer (customer)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS customer_tie (
	kind     TINYINT NOT NULL COMMENT '1 unionid, 2 mobile, 3 external_userid',
	hash     BINARY(32) NOT NULL,
	customer BIGINT UNSIGNED NOT NULL,
	PRIMARY KEY (kind, hash),
	KEY customer (customer)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS conversation (
	id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	channel    VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	account    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	source     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	identity   BIGINT UNSIGNED NOT NULL,
	customer   BIGINT UNSIGNED NOT NULL,
	is_open    TINYINT NULL COMMENT '1, or NULL: closed',
	handler    TINYINT NOT NULL DEFAULT 0 COMMENT '0 machine, 1 person',
	assignee   VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'user:NAME, member:USERID',
	last_id    BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'its latest message',
	last_at    DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	opened_at  DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	closed_at  DATETIME(3) NULL,
	UNIQUE KEY open_one (identity, account, is_open),
	KEY customer (customer),
	KEY latest (last_id),
	KEY open_latest (is_open, last_id),
	KEY assignee (assignee, last_id),
	KEY source (source, last_id),
	KEY channel (channel, last_id),
	KEY handler (handler, last_id),
	KEY closed_at (closed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS message (
	id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	conversation BIGINT UNSIGNED NOT NULL,
	customer     BIGINT UNSIGNED NOT NULL,
	channel      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	msgid        VARBINARY(128) NULL COMMENT 'the channel''s id of it',
	say_key      VARBINARY(64) NULL COMMENT 'of one that we say: once',
	is_out       TINYINT NOT NULL,
	said_by      TINYINT NOT NULL COMMENT '1 customer, 2 person, 3 system, 4 machine',
	author       VARCHAR(100) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
	kind         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	state        TINYINT NOT NULL COMMENT 'in: 1 owed, 2 answered, 3 person, 4 settled; out: 11 queued, 12 waiting, 13 sent, 14 failing, 15 failed, 16 uncertain, 17 dropped, 18 draft, 19 discarded',
	outcome      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
	reason       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
	route        BIGINT UNSIGNED NOT NULL COMMENT 'the conversation that carries it',
	tried        VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'identities that could not carry it',
	brain        CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'whose job owes the answer',
	answers      BIGINT UNSIGNED NULL,
	is_notice    TINYINT NOT NULL DEFAULT 0,
	media        BIGINT UNSIGNED NULL,
	text         MEDIUMBLOB NULL COMMENT 'these three under the customer''s key',
	content      MEDIUMBLOB NULL,
	why          MEDIUMBLOB NULL,
	recalled_at  DATETIME(3) NULL,
	at           DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	sent_at      DATETIME(3) NULL COMMENT 'by the channel''s clock',
	trace_id     CHAR(32) CHARACTER SET ascii NOT NULL,
	UNIQUE KEY msgid (channel, msgid),
	UNIQUE KEY say_key (say_key),
	KEY thread (conversation, id),
	KEY owed (conversation, state),
	KEY route (route, state, id),
	KEY state (state, at),
	KEY answers (answers),
	KEY customer (customer),
	KEY media (media),
	KEY trace_id (trace_id),
	KEY figures (at, is_out)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS conversation_event (
	id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	conversation BIGINT UNSIGNED NOT NULL,
	message      BIGINT UNSIGNED NULL,
	what         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	detail       VARCHAR(120) COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'a code, a channel, who; no texts of people',
	trace_id     CHAR(32) CHARACTER SET ascii NOT NULL,
	at           DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	KEY conversation (conversation, id),
	KEY message (message),
	KEY trace_id (trace_id),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
