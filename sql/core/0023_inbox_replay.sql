CREATE TABLE IF NOT EXISTS inbox_replay (
	id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	token    BINARY(16) NOT NULL COMMENT 'tells a repeated transaction from a second replay',
	inbox_id BIGINT UNSIGNED NOT NULL,
	actor    VARCHAR(96) NOT NULL,
	jobs     INT NOT NULL,
	at       DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY token (token),
	KEY inbox_id (inbox_id),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE INDEX IF NOT EXISTS trace_id ON inbox_event (trace_id);
