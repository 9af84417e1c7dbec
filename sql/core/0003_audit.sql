CREATE TABLE IF NOT EXISTS audit_log (
	id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	at       DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	trace_id CHAR(32) CHARACTER SET ascii NOT NULL,
	actor    VARCHAR(96) NOT NULL,
	action   VARCHAR(64) CHARACTER SET ascii NOT NULL,
	object   VARCHAR(96) NOT NULL,
	details  TEXT NOT NULL COMMENT 'JSON: ids, counts, settings; no texts of customers, no secrets',
	seq      BIGINT UNSIGNED NULL COMMENT 'place in the chain; NULL: not chained yet',
	hash     BINARY(32) NULL COMMENT 'keyed hash over this row and the hash of the row before',
	UNIQUE KEY seq (seq),
	KEY at (at),
	KEY trace_id (trace_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
