-- Knowledge: documents, their chunks, and versions of the whole. A chunk never changes: it belongs to the versions from added_version on,
-- up to the one before removed_version. One version is live; the one after it is the draft that imports write to. A vector belongs to a
-- text and a model, so what comes again needs no new one.

CREATE TABLE IF NOT EXISTS kb_document (
	id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	source       VARCHAR(400) COLLATE utf8mb4_bin NOT NULL COMMENT 'the file''s name: unique',
	title        VARCHAR(200) NOT NULL,
	category     VARCHAR(60) COLLATE utf8mb4_bin NOT NULL,
	tags         VARCHAR(400) NOT NULL DEFAULT '' COMMENT 'a,b',
	content_hash BINARY(32) NULL COMMENT 'keyed hash of what was imported last; NULL: an import is under way or broke off',
	run          BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of the import that may write',
	chunks       INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of the draft',
	is_enabled   TINYINT NOT NULL DEFAULT 1,
	valid_from   DATETIME(3) NULL,
	valid_until  DATETIME(3) NULL,
	created_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	updated_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY source (source),
	KEY content_hash (content_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS knowledge_chunks (
	id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	document        BIGINT UNSIGNED NOT NULL,
	ordinal         INT UNSIGNED NOT NULL,
	hash            BINARY(32) NOT NULL COMMENT 'keyed hash of label, category, heading, question and text',
	label           VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'the pair''s own id',
	category        VARCHAR(60) COLLATE utf8mb4_bin NOT NULL,
	heading         VARCHAR(1024) NOT NULL DEFAULT '',
	question        TEXT NULL COMMENT 'of a question-answer pair',
	text            MEDIUMTEXT NOT NULL,
	added_version   BIGINT UNSIGNED NOT NULL,
	removed_version BIGINT UNSIGNED NULL,
	KEY document (document, removed_version, ordinal),
	KEY added (added_version, id),
	KEY removed (removed_version, id),
	KEY hash (hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS kb_vector (
	model  VARBINARY(160) NOT NULL COMMENT 'the endpoint''s model and its dimensions: never mixed',
	hash   BINARY(32) NOT NULL COMMENT 'of the chunk',
	vector MEDIUMBLOB NOT NULL COMMENT 'floats of this machine''s order, of length 1',
	PRIMARY KEY (model, hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS kb_version (
	id           BIGINT UNSIGNED NOT NULL PRIMARY KEY,
	added        INT UNSIGNED NOT NULL,
	removed      INT UNSIGNED NOT NULL,
	chunks       INT UNSIGNED NOT NULL COMMENT 'that belong to it',
	note         VARCHAR(200) NOT NULL DEFAULT '',
	published_by VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
	published_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One row. generation grows with all that the nodes' indexes depend on: the live version, a document switched, the model of the vectors.
CREATE TABLE IF NOT EXISTS kb_state (
	id           TINYINT NOT NULL PRIMARY KEY,
	live_version BIGINT UNSIGNED NOT NULL DEFAULT 0,
	generation   BIGINT UNSIGNED NOT NULL DEFAULT 0,
	model        VARBINARY(160) NOT NULL DEFAULT '' COMMENT 'that of the vectors that are searched; empty: words alone'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT IGNORE INTO kb_state (id) VALUES (1);
