CREATE TABLE IF NOT EXISTS admin_user (
	id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL COMMENT 'what one logs in with',
	display_name  VARCHAR(128) NOT NULL DEFAULT '',
	role          TINYINT NOT NULL COMMENT '2 viewer, 3 operator, 4 approver, 5 admin',
	disabled      BOOLEAN NOT NULL DEFAULT FALSE,
	password      VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'scrypt, with its cost and salt',
	must_change   BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'somebody else made the password',
	totp_secret   VARBINARY(64) NULL COMMENT 'sealed; there before totp_on: set up, not confirmed',
	totp_on       BOOLEAN NOT NULL DEFAULT FALSE,
	totp_step     BIGINT NOT NULL DEFAULT 0 COMMENT 'of the code used last: each is good once',
	created_at    DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	created_by    VARCHAR(96) NOT NULL,
	last_login_at DATETIME(3) NULL,
	UNIQUE KEY name (name),
	KEY role (role, disabled)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS admin_recovery_code (
	user_id   BIGINT UNSIGNED NOT NULL,
	code_hash BINARY(32) NOT NULL COMMENT 'keyed hash; a used code is deleted',
	PRIMARY KEY (user_id, code_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS admin_session (
	id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	user_id    BIGINT UNSIGNED NOT NULL,
	token_hash BINARY(32) NOT NULL COMMENT 'keyed hash of the cookie',
	created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	seen_at    DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	address    VARCHAR(48) CHARACTER SET ascii NOT NULL COMMENT 'where it was begun',
	agent      VARCHAR(200) NOT NULL COMMENT 'User-Agent',
	UNIQUE KEY token_hash (token_hash),
	KEY user_id (user_id),
	KEY seen_at (seen_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS admin_throttle (
	bucket   BINARY(32) NOT NULL PRIMARY KEY COMMENT 'keyed hash of an address, an account, or both',
	account  BINARY(32) NULL COMMENT 'keyed hash of the account, where it is in the bucket',
	failures INT NOT NULL DEFAULT 0,
	until_at DATETIME(3) NULL COMMENT 'no attempt before',
	seen_at  DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	known_at DATETIME(3) NULL COMMENT 'last success of this account from this address',
	KEY account (account),
	KEY seen_at (seen_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
