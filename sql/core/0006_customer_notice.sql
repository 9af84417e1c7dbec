ALTER TABLE customer ADD COLUMN IF NOT EXISTS notice_at DATETIME(3) NULL COMMENT 'when the privacy notice was given to be told';
