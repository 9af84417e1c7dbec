-- Written by transactions that must not run twice: after a COMMIT whose answer was lost, the mark says whether it took effect.
CREATE TABLE IF NOT EXISTS tx_mark (
	id BINARY(16) NOT NULL PRIMARY KEY COMMENT 'random',
	at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
