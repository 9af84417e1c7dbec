-- 微信客服. A door is a callback URL with its secret, from a section [kf:NAME]; the accounts behind it are WeCom's.

CREATE TABLE IF NOT EXISTS kf_door (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the section and of the callback URL',
	secret      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'which [wecom:NAME]',
	token       VARBINARY(256) NOT NULL COMMENT 'sealed',
	aes_key     VARBINARY(256) NOT NULL COMMENT 'sealed',
	only        VARCHAR(2000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'open_kfid|open_kfid; empty: all',
	settings    MEDIUMTEXT NOT NULL COMMENT 'what a new account begins with, JSON',
	seed_hash   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	listed_at   DATETIME(3) NULL COMMENT 'when the accounts were last compared with WeCom',
	list_error  VARCHAR(320) NOT NULL DEFAULT '',
	UNIQUE KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS kf_account (
	id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	door_id         BIGINT UNSIGNED NOT NULL,
	open_kfid       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	name            VARCHAR(64) NOT NULL DEFAULT '',
	avatar          VARCHAR(1024) NOT NULL DEFAULT '' COMMENT 'URL',
	managed         BOOL NOT NULL DEFAULT TRUE COMMENT 'manage_privilege: the app may send and assign',
	listed          BOOL NOT NULL DEFAULT TRUE COMMENT 'WeCom has it',
	salt            CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'what our msgids begin with: another database uses none of them again',
	settings        MEDIUMTEXT NOT NULL COMMENT 'JSON',
	sync_cursor     VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'behind the last page that is stored; empty: the oldest',
	cursor_at       DATETIME(3) NULL COMMENT 'when it was written',
	quiet_before_ms BIGINT NOT NULL COMMENT 'what was written before is history and not answered',
	token           VARBINARY(256) NULL COMMENT 'of the last doorbell, sealed',
	rung_at         DATETIME(3) NULL COMMENT 'when its last doorbell came',
	pull_no         BIGINT NOT NULL DEFAULT 0 COMMENT 'grows when a pull begins: doorbells of one number are one job',
	pulled_at       DATETIME(3) NULL COMMENT 'when WeCom last had no more',
	pull_error      VARCHAR(320) NOT NULL DEFAULT '' COMMENT 'why the last pull did not get so far',
	backlog         BOOL NOT NULL DEFAULT FALSE COMMENT 'WeCom had more when it was last asked',
	UNIQUE KEY open_kfid (open_kfid),
	KEY door (door_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- A customer at an account.
CREATE TABLE IF NOT EXISTS kf_session (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	account_id  BIGINT UNSIGNED NOT NULL,
	peer_hash   BINARY(32) NOT NULL COMMENT 'keyed hash of the external_userid',
	customer    BIGINT UNSIGNED NOT NULL,
	peer        VARBINARY(512) NOT NULL COMMENT 'external_userid, sealed for the customer',
	named_at    DATETIME(3) NULL COMMENT 'when WeCom was asked who it is',
	state       TINYINT NOT NULL DEFAULT 4 COMMENT 'service_state as far as it is known',
	state_ms    BIGINT NOT NULL DEFAULT 0 COMMENT 'when it was last seen to be so',
	servicer    BINARY(32) NULL COMMENT 'keyed hash of the userid',
	claim_ms    BIGINT NOT NULL DEFAULT 0 COMMENT 'when it was about to be given to the servicer; 0: not',
	turn_ms     BIGINT NOT NULL DEFAULT 0 COMMENT 'send_time of the customer''s last message; 0: none',
	turn_no     BIGINT NOT NULL DEFAULT 0 COMMENT 'the customer''s messages so far',
	shut        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'why nothing can be sent until the customer writes again',
	rejects     BOOL NOT NULL DEFAULT FALSE COMMENT 'a servicer takes no messages of this customer',
	wants_ms    BIGINT NOT NULL DEFAULT 0 COMMENT 'since when a person is wanted and none has it; 0: not',
	last_ms     BIGINT NOT NULL DEFAULT 0 COMMENT 'when anybody last said something',
	reminded_no BIGINT NOT NULL DEFAULT 0 COMMENT 'turn in which the idle reminder went',
	rated_no    BIGINT NOT NULL DEFAULT 0 COMMENT 'turn in which a rating was asked for',
	ended_no    BIGINT NOT NULL DEFAULT 0 COMMENT 'turn in which it was ended for silence',
	scene       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'of the link by which the customer came last',
	entered_at  DATETIME(3) NULL,
	UNIQUE KEY peer (account_id, peer_hash),
	KEY customer (customer),
	KEY state (state, wants_ms),
	KEY servicer (account_id, servicer, state),
	KEY last (last_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Every send_msg, its intent first.
CREATE TABLE IF NOT EXISTS kf_send (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	session_id  BIGINT UNSIGNED NOT NULL,
	msgid       VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	state       TINYINT NOT NULL DEFAULT 0 COMMENT '0 intent, 1 accepted, 2 refused, 3 failed after it was accepted',
	tries       INT NOT NULL DEFAULT 0 COMMENT 'calls whose answers were lost',
	body        MEDIUMBLOB NULL COMMENT 'what is sent, sealed for the customer; gone once that is known to be accepted or refused',
	answer      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
	sent_ms     BIGINT NOT NULL COMMENT 'when it was last tried, by WeCom''s clock as far as we know it',
	UNIQUE KEY msgid (msgid),
	KEY session (session_id, sent_ms),
	KEY state (state, sent_ms),
	KEY sent (sent_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Which parts of which messages a send carries. Where one is missing, the message is not out yet.
CREATE TABLE IF NOT EXISTS kf_send_part (
	message     BIGINT UNSIGNED NOT NULL,
	part        INT NOT NULL,
	parts       INT NOT NULL COMMENT 'of the message',
	send_id     BIGINT UNSIGNED NOT NULL,
	PRIMARY KEY (message, part),
	KEY send (send_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Events that were taken in: a page may come twice.
CREATE TABLE IF NOT EXISTS kf_event (
	account_id  BIGINT UNSIGNED NOT NULL,
	msgid       VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	kind        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	at          DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	PRIMARY KEY (account_id, msgid),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Media that WeCom keeps for us, three days long.
CREATE TABLE IF NOT EXISTS kf_upload (
	media       BIGINT UNSIGNED NOT NULL,
	type        VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	corp_id     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	media_id    VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	until_at    DATETIME(3) NOT NULL,
	PRIMARY KEY (media, type, corp_id),
	KEY until_at (until_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS kf_member (
	member      BINARY(32) NOT NULL PRIMARY KEY COMMENT 'keyed hash of the userid',
	userid      VARBINARY(512) NOT NULL COMMENT 'sealed'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS kf_servicer (
	account_id  BIGINT UNSIGNED NOT NULL,
	member      BINARY(32) NOT NULL,
	receiving   BOOL NOT NULL DEFAULT FALSE,
	given_ms    BIGINT NOT NULL DEFAULT 0 COMMENT 'when a session was last given to this one',
	seen_at     DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when WeCom last told of it',
	PRIMARY KEY (account_id, member)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS kf_link (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	account_id  BIGINT UNSIGNED NOT NULL,
	scene       VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
	url         VARCHAR(1024) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	created_at  DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY scene (account_id, scene)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS kf_rating (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	account_id  BIGINT UNSIGNED NOT NULL,
	customer    BIGINT UNSIGNED NOT NULL,
	turn_no     BIGINT NOT NULL,
	score       TINYINT NOT NULL COMMENT '3 satisfied, 2 so so, 1 not',
	at          DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY turn (account_id, customer, turn_no),
	KEY at (at),
	KEY customer (customer)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
