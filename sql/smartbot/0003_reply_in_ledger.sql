-- What became of a response_url's call stands in the ledger (outbound_call) from here on. Rows that the table itself has settled, or begun,
-- keep their state: their URLs are not called again. Those still unused are called through the ledger.
ALTER TABLE smartbot_reply
	ADD COLUMN IF NOT EXISTS calls INT NOT NULL DEFAULT 0 COMMENT 'calls that never left: the number of the next one in the ledger',
	MODIFY COLUMN IF EXISTS state TINYINT NOT NULL DEFAULT 0 COMMENT '0: the ledger says; else from before there was one: 1 begun, 2 sent, 3 refused, 4 uncertain';
