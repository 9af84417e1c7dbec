ALTER TABLE job
	ADD COLUMN IF NOT EXISTS crashes INT NOT NULL DEFAULT 0 COMMENT 'how often the process died or fell silent under it',
	ADD COLUMN IF NOT EXISTS cancel_by VARCHAR(96) NULL COMMENT 'who asked it to stop';
