ALTER TABLE smartbot_bot
	ADD COLUMN IF NOT EXISTS persona VARCHAR(64) NOT NULL DEFAULT '通用助手' COMMENT 'the role a conversation begins with',
	ADD COLUMN IF NOT EXISTS fallback_model VARCHAR(64) NOT NULL DEFAULT '',
	ADD COLUMN IF NOT EXISTS memory VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'person',
	ADD COLUMN IF NOT EXISTS memory_tokens INT NOT NULL DEFAULT 4000,
	ADD COLUMN IF NOT EXISTS per_minute INT NOT NULL DEFAULT 20 COMMENT 'questions of one person; 0: no limit',
	ADD COLUMN IF NOT EXISTS daily_tokens_person BIGINT NOT NULL DEFAULT 200000 COMMENT '0: no limit',
	ADD COLUMN IF NOT EXISTS daily_tokens_bot BIGINT NOT NULL DEFAULT 0 COMMENT '0: no limit',
	ADD COLUMN IF NOT EXISTS welcome TEXT NOT NULL DEFAULT '',
	ADD COLUMN IF NOT EXISTS welcome_card TEXT NOT NULL DEFAULT '' COMMENT 'JSON; wins over welcome',
	ADD COLUMN IF NOT EXISTS feedback BOOL NOT NULL DEFAULT TRUE,
	ADD COLUMN IF NOT EXISTS vision BOOL NOT NULL DEFAULT FALSE COMMENT 'the model takes pictures';

ALTER TABLE smartbot_stream
	ADD COLUMN IF NOT EXISTS person BINARY(32) NULL COMMENT 'keyed hash of the user id',
	ADD COLUMN IF NOT EXISTS outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'how it ended; late: the answer comes by response_url',
	ADD COLUMN IF NOT EXISTS card MEDIUMBLOB NULL COMMENT 'template card that ends the answer, sealed',
	ADD KEY IF NOT EXISTS person (bot_id, person, asked_at);

CREATE TABLE IF NOT EXISTS smartbot_image (
	id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	stream_id  CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	no         INT NOT NULL,
	image      LONGBLOB NOT NULL COMMENT 'JPG or PNG that ends the answer, sealed',
	UNIQUE KEY stream (stream_id, no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_person (
	person     BINARY(32) NOT NULL PRIMARY KEY COMMENT 'keyed hash of the user id',
	user_id    VARBINARY(512) NOT NULL COMMENT 'sealed'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_role (
	name       VARCHAR(64) NOT NULL PRIMARY KEY,
	prompt     TEXT NOT NULL,
	updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT IGNORE INTO smartbot_role (name, prompt) VALUES
	('通用助手', '你是一位通用助手:先直接回答问题,再补充必要的说明。'),
	('写作', '你是一位写作助手:按照对方要求的体裁和语气写作或修改文字,只给出成文,除非对方要你解释。'),
	('翻译', '你是一位翻译:把中文译成英文,把其他语言译成中文;只给出译文,保留原文的格式、数字和专有名词。'),
	('代码', '你是一位程序员:给出能运行的代码,放在标明语言的代码块里,然后用一两句话说明要点。');

CREATE TABLE IF NOT EXISTS smartbot_conversation (
	id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	bot_id       BIGINT UNSIGNED NOT NULL,
	scope        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'person, group, person_in_group',
	scope_key    BINARY(32) NOT NULL COMMENT 'keyed hash of the ids it is for',
	label        VARBINARY(1024) NOT NULL COMMENT 'the ids, sealed',
	role         VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'empty: the persona of the bot',
	summary      MEDIUMBLOB NULL COMMENT 'of the turns up to summary_upto, sealed',
	summary_upto BIGINT UNSIGNED NOT NULL DEFAULT 0,
	epoch        INT NOT NULL DEFAULT 0 COMMENT 'grows when it is cleared: what was begun before is not written any more',
	updated_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
	UNIQUE KEY scope (bot_id, scope_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_turn (
	id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	conversation_id BIGINT UNSIGNED NOT NULL,
	stream_id       CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	person          BINARY(32) NOT NULL,
	question        MEDIUMBLOB NOT NULL COMMENT 'sealed',
	answer          MEDIUMBLOB NOT NULL COMMENT 'sealed',
	tokens          INT NOT NULL COMMENT 'estimate',
	at              DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY stream_id (stream_id),
	KEY conversation (conversation_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_usage (
	day               DATE NOT NULL,
	bot_id            BIGINT UNSIGNED NOT NULL,
	person            BINARY(32) NOT NULL,
	model             VARCHAR(64) NOT NULL,
	calls             BIGINT NOT NULL,
	prompt_tokens     BIGINT NOT NULL,
	completion_tokens BIGINT NOT NULL,
	cost_micros       BIGINT NOT NULL COMMENT 'millionths of the currency of the prices',
	PRIMARY KEY (day, bot_id, person, model)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_reply (
	stream_id  CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'of the message or card event that brought the URL',
	url        VARBINARY(4200) NOT NULL COMMENT 'sealed',
	expires_at DATETIME(3) NOT NULL,
	state      TINYINT NOT NULL DEFAULT 0 COMMENT '0 unused, 1 being used, 2 sent, 3 refused, 4 uncertain: never used again',
	answer     VARCHAR(64) NOT NULL DEFAULT '',
	updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
	KEY expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_feedback (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	event_key   CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	bot_id      BIGINT UNSIGNED NOT NULL,
	stream_id   VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'feedback.id of the answer',
	person      BINARY(32) NOT NULL,
	kind        TINYINT NOT NULL COMMENT '1 accurate, 2 inaccurate, 3 withdrawn',
	reasons     VARCHAR(64) CHARACTER SET ascii NOT NULL COMMENT '1 irrelevant, 2 incomplete, 3 wrong, 4 wrong analysis of data',
	content     MEDIUMBLOB NOT NULL COMMENT 'sealed',
	at          DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY event_key (event_key),
	KEY bot (bot_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_card (
	event_key  CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	reply      MEDIUMBLOB NOT NULL COMMENT 'the answer to the card event, sealed',
	at         DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
