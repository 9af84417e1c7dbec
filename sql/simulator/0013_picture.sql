-- The pictures that end a bubble.

ALTER TABLE simulator_message
	ADD COLUMN IF NOT EXISTS pictures INT NOT NULL DEFAULT 0 COMMENT 'how many end the bubble';

CREATE TABLE IF NOT EXISTS simulator_picture (
	message  BIGINT      NOT NULL COMMENT 'the bubble',
	no       INT         NOT NULL,
	bytes    MEDIUMBLOB  NOT NULL COMMENT 'JPG or PNG',
	PRIMARY KEY (message, no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
