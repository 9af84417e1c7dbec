CREATE TABLE IF NOT EXISTS ai_call (
	id                BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	at                DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it ended',
	trace_id          CHAR(32) CHARACTER SET ascii NOT NULL,
	job_id            BIGINT UNSIGNED NULL,
	model             VARCHAR(64) NOT NULL,
	status            INT NOT NULL COMMENT 'of HTTP; 0: none came',
	result            VARCHAR(32) NOT NULL COMMENT 'finish_reason, or the code of the error',
	first_text_ms     INT NULL,
	total_ms          INT NOT NULL,
	prompt_tokens     INT NOT NULL,
	completion_tokens INT NOT NULL,
	KEY trace_id (trace_id),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
