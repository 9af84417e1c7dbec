-- How the next embeddings fail.

ALTER TABLE simulator_control
	ADD COLUMN IF NOT EXISTS embedding_fault VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'none',
	ADD COLUMN IF NOT EXISTS embedding_fault_count BIGINT NOT NULL DEFAULT 0 COMMENT 'calls that are still to fail';
