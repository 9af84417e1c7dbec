-- The simulator's own schema: its bots, its chats, what it delivered and how that went, and its control values.
-- Times are milliseconds since 1970, UTC, as the phone page wants them.

CREATE TABLE IF NOT EXISTS simulator_bot (
	name       VARCHAR(64)    NOT NULL PRIMARY KEY COMMENT 'the NAME of [simulator:NAME]',
	bot_name   VARCHAR(64)    NOT NULL COMMENT 'what people see',
	aibotid    VARCHAR(64)    NOT NULL,
	callback   VARCHAR(1024)  NOT NULL COMMENT 'as configured: empty, a path or a URL',
	token      VARBINARY(512) NOT NULL COMMENT 'sealed',
	aes_key    VARBINARY(512) NOT NULL COMMENT 'sealed',
	seed_hash  CHAR(64) CHARACTER SET ascii NOT NULL COMMENT 'of the section that wrote the row'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row. Whoever changes a message takes the next number and holds the row until the commit, so that numbers
-- become visible in order and a reader who asks for what came after N misses nothing.
CREATE TABLE IF NOT EXISTS simulator_rev (
	id   TINYINT NOT NULL PRIMARY KEY,
	rev  BIGINT  NOT NULL
) ENGINE=InnoDB;

-- What people wrote, and the bots' bubbles: a bubble has reply_to, and a person's message has at most one.
CREATE TABLE IF NOT EXISTS simulator_message (
	id             BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
	rev            BIGINT       NOT NULL,
	bot            VARCHAR(64)  NOT NULL,
	person         VARCHAR(64)  NOT NULL COMMENT 'who wrote it, or whom the bubble answers',
	chat_group     VARCHAR(64)  NOT NULL COMMENT 'empty: a single chat',
	chat           VARCHAR(66)  AS (IF(chat_group = '', CONCAT('p:', person), CONCAT('g:', chat_group))) STORED,
	reply_to       BIGINT       NULL     COMMENT 'the message that a bubble answers',
	msgid          VARCHAR(64)  NULL     COMMENT 'of the callback; bubbles have none',
	stream_id      VARCHAR(256) NULL     COMMENT 'of the bubble, chosen by the bot',
	card           BOOLEAN      NOT NULL DEFAULT FALSE COMMENT 'the bubble had its template card',
	text           TEXT         NOT NULL,
	state          VARCHAR(16)  CHARACTER SET ascii NOT NULL,
	error          VARCHAR(400) NOT NULL DEFAULT '',
	open_until_ms  BIGINT       NOT NULL DEFAULT 0 COMMENT 'of a message: end of its interaction; 0: it is over',
	sent_ms        BIGINT       NOT NULL,
	changed_ms     BIGINT       NOT NULL,
	UNIQUE KEY by_reply_to (reply_to),
	UNIQUE KEY by_msgid (msgid),
	KEY by_chat (bot, chat),
	KEY by_change (bot, chat, rev),
	KEY by_stream (stream_id, bot),
	KEY by_open (person, bot, open_until_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row for each callback that was sent.
CREATE TABLE IF NOT EXISTS simulator_delivery (
	id             BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
	message        BIGINT       NOT NULL COMMENT 'the simulator_message it belongs to',
	kind           VARCHAR(16)  CHARACTER SET ascii NOT NULL COMMENT 'message or refresh',
	msgid          VARCHAR(64)  NOT NULL COMMENT 'of the callback itself: a refresh has its own',
	try            INT          NOT NULL,
	status         INT          NOT NULL COMMENT 'HTTP; 0: no answer',
	ms             BIGINT       NOT NULL COMMENT 'how long it took',
	error          VARCHAR(400) NOT NULL COMMENT 'empty: a good answer',
	at_ms          BIGINT       NOT NULL,
	UNIQUE KEY by_msgid (msgid, try),
	KEY by_message (message, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row. NULL: the setting of [simulator] holds.
CREATE TABLE IF NOT EXISTS simulator_control (
	id              TINYINT NOT NULL PRIMARY KEY,
	chars_per_s     BIGINT  NULL,
	refresh_ms      BIGINT  NULL,
	first_token_ms  BIGINT  NULL
) ENGINE=InnoDB;
