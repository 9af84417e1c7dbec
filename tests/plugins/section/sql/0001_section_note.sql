CREATE TABLE IF NOT EXISTS section_note (
	id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	customer BIGINT UNSIGNED NOT NULL,
	text     VARBINARY(1000) NOT NULL COMMENT 'sealed under the customer''s key',
	KEY customer (customer)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
