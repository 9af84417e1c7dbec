-- A picture for the welcome, and what people press on cards that others than the bot itself made.
ALTER TABLE smartbot_bot
	ADD COLUMN IF NOT EXISTS welcome_image TEXT NOT NULL DEFAULT '' COMMENT 'URL; the welcome is then a card with this picture';

CREATE TABLE IF NOT EXISTS smartbot_press (
	id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	event_key  CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	bot_id     BIGINT UNSIGNED NOT NULL,
	person     BINARY(32) NOT NULL,
	task_id    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the card',
	pressed    VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'key of the button',
	choices    MEDIUMBLOB NOT NULL COMMENT 'JSON: question_key: list of option ids; sealed',
	at         DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY event_key (event_key),
	KEY task (task_id, id),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
