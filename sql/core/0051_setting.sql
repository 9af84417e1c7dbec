CREATE TABLE IF NOT EXISTS setting (
	owner      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the plugin',
	name       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	value      BLOB NOT NULL COMMENT 'as it would be written in the file; of secret settings sealed',
	version    BIGINT UNSIGNED NOT NULL COMMENT 'of the change that set it',
	changed_by VARCHAR(96) NOT NULL,
	changed_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	PRIMARY KEY (owner, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS setting_version (
	id      TINYINT NOT NULL PRIMARY KEY,
	version BIGINT UNSIGNED NOT NULL COMMENT 'grows with each change; every process asks for it each second'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT IGNORE INTO setting_version (id, version) VALUES (1, 0);
