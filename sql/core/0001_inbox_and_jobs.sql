CREATE TABLE IF NOT EXISTS inbox_event (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	dedupe_key  BINARY(32) NOT NULL COMMENT 'keyed hash over every identity field of the event',
	endpoint    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	trace_id    CHAR(32) CHARACTER SET ascii NOT NULL,
	received_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	payload     MEDIUMBLOB NOT NULL COMMENT 'the decrypted event, sealed',
	UNIQUE KEY dedupe_key (dedupe_key),
	KEY received_at (received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS job (
	id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	kind        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	job_key     VARBINARY(64) NULL,
	lane        BINARY(16) NULL COMMENT 'keyed hash of the lane name',
	lane_no     BIGINT UNSIGNED NULL COMMENT 'order within the lane',
	state       TINYINT NOT NULL COMMENT '0 waiting, 1 ready, 2 running, 3 done, 4 dead',
	due_at      DATETIME(3) NOT NULL COMMENT 'ready: when it may start; running: when its lease ends',
	attempts    INT NOT NULL DEFAULT 0,
	fence       BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'grows with every claim',
	owner       VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
	trace_id    CHAR(32) CHARACTER SET ascii NOT NULL,
	args        MEDIUMBLOB NOT NULL COMMENT 'JSON, sealed',
	error       VARCHAR(320) NULL,
	created_at  DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	finished_at DATETIME(3) NULL,
	UNIQUE KEY job_key (job_key),
	KEY due (state, due_at, id),
	KEY lane (lane, state, lane_no),
	KEY trace_id (trace_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS job_lane (
	lane    BINARY(16) NOT NULL PRIMARY KEY,
	last_no BIGINT UNSIGNED NOT NULL COMMENT 'the number given last',
	head_no BIGINT UNSIGNED NOT NULL COMMENT 'the job that is ready or running; 0: none'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
