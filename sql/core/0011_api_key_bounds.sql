ALTER TABLE api_key
	ADD COLUMN IF NOT EXISTS expires_at   DATETIME(3) NULL COMMENT 'NULL: never',
	ADD COLUMN IF NOT EXISTS addresses    VARCHAR(1000) CHARACTER SET ascii NOT NULL DEFAULT '' COMMENT 'networks it may be used from; empty: any',
	ADD COLUMN IF NOT EXISTS last_used_at DATETIME(3) NULL COMMENT 'to the minute',
	ADD COLUMN IF NOT EXISTS created_by   VARCHAR(96) NOT NULL DEFAULT 'command',
	ADD COLUMN IF NOT EXISTS creator_id   BIGINT UNSIGNED NULL COMMENT 'the user whose role bounds the key; NULL: made by command';
