-- The other kinds a person can send, cards, ratings, and what a bot may say later.

ALTER TABLE simulator_message
	ADD COLUMN IF NOT EXISTS msgtype VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'text',
	ADD COLUMN IF NOT EXISTS quote BIGINT NULL COMMENT 'the message that a person quoted, or that a later bubble in a group quotes',
	ADD COLUMN IF NOT EXISTS later_of BIGINT NULL COMMENT 'of a bubble by response_url: the message it came for',
	ADD COLUMN IF NOT EXISTS card_json TEXT NULL COMMENT 'the template card that a bubble shows',
	ADD COLUMN IF NOT EXISTS feedback_id VARCHAR(256) NULL COMMENT 'of a bubble that may be rated',
	ADD COLUMN IF NOT EXISTS rating TINYINT NOT NULL DEFAULT 0 COMMENT '1 accurate, 2 inaccurate; 0: none';

-- The bytes of a picture or file that a person sent.
CREATE TABLE IF NOT EXISTS simulator_media (
	message  BIGINT        NOT NULL PRIMARY KEY,
	name     VARCHAR(200)  NOT NULL,
	bytes    MEDIUMBLOB    NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Where a bot may fetch them, under its key.
CREATE TABLE IF NOT EXISTS simulator_link (
	id        CHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY,
	message   BIGINT      NOT NULL,
	bot       VARCHAR(64) NOT NULL,
	until_ms  BIGINT      NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Each response_url that was given out; it takes one call.
CREATE TABLE IF NOT EXISTS simulator_response (
	code        CHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY,
	bot         VARCHAR(64) NOT NULL,
	person      VARCHAR(64) NOT NULL,
	chat_group  VARCHAR(64) NOT NULL,
	message     BIGINT      NULL COMMENT 'what was said, or the bubble whose card was pressed',
	until_ms    BIGINT      NOT NULL,
	used        BOOLEAN     NOT NULL DEFAULT FALSE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who has opened a bot's single chat on which day.
CREATE TABLE IF NOT EXISTS simulator_entry (
	bot     VARCHAR(64) NOT NULL,
	person  VARCHAR(64) NOT NULL,
	day     INT         NOT NULL COMMENT 'since 1970, where it is eight hours later than UTC',
	PRIMARY KEY (bot, person, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
