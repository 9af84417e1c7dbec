-- Only who has the key file can write an entry or move the chain: both carry a keyed hash.
ALTER TABLE audit_log
	ADD COLUMN IF NOT EXISTS nonce BINARY(16) NULL COMMENT 'random: no two entries are alike',
	ADD COLUMN IF NOT EXISTS mac BINARY(32) NULL COMMENT 'keyed hash over the entry, made when it was written',
	ADD UNIQUE KEY IF NOT EXISTS nonce (nonce),
	ADD KEY IF NOT EXISTS object (object, id),
	ADD KEY IF NOT EXISTS actor (actor, id),
	ADD KEY IF NOT EXISTS action (action, id);

-- head: the newest row of the chain. base: the newest one that retention has removed; absent while there is none.
CREATE TABLE IF NOT EXISTS audit_chain (
	name VARCHAR(8) CHARACTER SET ascii NOT NULL PRIMARY KEY,
	seq  BIGINT UNSIGNED NOT NULL,
	hash BINARY(32) NOT NULL COMMENT 'of the row with that seq',
	mac  BINARY(32) NOT NULL COMMENT 'keyed hash over name, seq and hash; not checked while seq is 0'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT IGNORE INTO audit_chain (name, seq, hash, mac) VALUES ('head', 0, REPEAT('\0', 32), REPEAT('\0', 32));
