-- What the test plugin's channels sent, and what its windows are.
CREATE TABLE IF NOT EXISTS parley_sent (
	id      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	channel VARCHAR(32) NOT NULL,
	peer    VARCHAR(64) NOT NULL,
	message BIGINT UNSIGNED NOT NULL,
	text    TEXT NULL,
	UNIQUE KEY message (channel, message)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS parley_window (
	peer     VARCHAR(64) NOT NULL PRIMARY KEY,
	left_n   INT NOT NULL,
	reserve  INT NOT NULL DEFAULT 0,
	behave   VARCHAR(32) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
