-- One row for each secret of WeCom, shared by all nodes. Whoever refreshes holds the row's lease, so that one node asks.
CREATE TABLE IF NOT EXISTS api_token (
	id               BINARY(32) NOT NULL PRIMARY KEY COMMENT 'keyed hash of base, corp id and secret: a changed secret is another row',
	name             VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the section [wecom:NAME]',
	token            VARBINARY(2048) NULL COMMENT 'sealed',
	version          BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'grows with every token',
	fetched_at       DATETIME(3) NULL,
	refresh_at       DATETIME(3) NULL COMMENT 'from here on one node fetches the next, while all still use this one',
	expires_at       DATETIME(3) NULL,
	forced           INT NOT NULL DEFAULT 0 COMMENT 'refused tokens that followed each other quickly',
	refreshing_until DATETIME(3) NULL COMMENT 'lease of the one that fetches',
	refresher        CHAR(32) CHARACTER SET ascii NULL,
	failures         INT NOT NULL DEFAULT 0 COMMENT 'of gettoken in a row',
	failed_at        DATETIME(3) NULL,
	retry_at         DATETIME(3) NULL COMMENT 'nobody asks before',
	errcode          BIGINT NOT NULL DEFAULT 0 COMMENT 'of the last failure; -2: no answer',
	from_ip          VARCHAR(64) CHARACTER SET ascii NOT NULL DEFAULT '' COMMENT 'the address that WeCom saw, where it said so',
	error            VARCHAR(320) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Where WeCom's callbacks come from, as WeCom says it. Replaced as a whole.
CREATE TABLE IF NOT EXISTS wecom_callback_address (
	pattern    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'an address; * stands for any characters',
	fetched_at DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
