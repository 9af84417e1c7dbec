-- What becomes of the answers to the next refreshes, and how long a stalled model stream stays open.

ALTER TABLE simulator_control
	ADD COLUMN IF NOT EXISTS model_stall_ms BIGINT NULL,
	ADD COLUMN IF NOT EXISTS refresh_fault VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'none',
	ADD COLUMN IF NOT EXISTS refresh_fault_count BIGINT NOT NULL DEFAULT 0 COMMENT 'refreshes that are still to fail';
