-- How the next calls of the model fail.

ALTER TABLE simulator_control
	ADD COLUMN IF NOT EXISTS model_fault VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'none',
	ADD COLUMN IF NOT EXISTS model_fault_count BIGINT NOT NULL DEFAULT 0 COMMENT 'calls that are still to fail';
