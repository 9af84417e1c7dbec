CREATE TABLE IF NOT EXISTS idempotency (
	key_hash     BINARY(32) NOT NULL PRIMARY KEY COMMENT 'keyed hash over the caller and its Idempotency-Key',
	request_hash BINARY(32) NOT NULL COMMENT 'keyed hash over method, target and body',
	run          BINARY(16) NOT NULL COMMENT 'which request holds the key: a late one must not write the answer of another',
	state        TINYINT NOT NULL COMMENT '0 running, 1 answered, 2 answered, and the answer was not kept',
	trace_id     CHAR(32) CHARACTER SET ascii NOT NULL COMMENT 'of the first request',
	status       SMALLINT NULL,
	content_type VARCHAR(64) CHARACTER SET ascii NULL,
	answer       MEDIUMBLOB NULL COMMENT 'the body, sealed',
	expires_at   DATETIME(3) NOT NULL COMMENT 'the key is free again: running, when its process counts as dead; answered, after a day',
	KEY expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
