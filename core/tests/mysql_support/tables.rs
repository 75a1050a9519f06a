//! Tables as their owners make them.

/// UserFrosting's.
pub const USERFROSTING: &str = "CREATE TABLE sessions (id varchar(255) NOT NULL, user_id int NULL, ip_address varchar(45) NULL, \
     user_agent text NULL, payload text NOT NULL, last_activity int NOT NULL, UNIQUE sessions_id_unique (id)) \
     DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci";

/// Laravel's.
pub const LARAVEL: &str = "CREATE TABLE sessions (id varchar(255) NOT NULL PRIMARY KEY, user_id bigint unsigned NULL, \
     ip_address varchar(45) NULL, user_agent text NULL, payload longtext NOT NULL, last_activity int NOT NULL, \
     INDEX sessions_user_id_index (user_id), INDEX sessions_last_activity_index (last_activity)) \
     DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci";

/// ProcessWire's (SessionHandlerDB).
pub const PROCESSWIRE: &str = "CREATE TABLE sessions (id char(32) NOT NULL, user_id int unsigned NOT NULL, pages_id int unsigned NOT NULL, \
     data mediumtext NOT NULL, ts timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, \
     ip int unsigned NOT NULL DEFAULT 0, ua varchar(250) NOT NULL DEFAULT '', PRIMARY KEY (id), \
     INDEX pages_id (pages_id), INDEX user_id (user_id), INDEX ts (ts)) ENGINE=InnoDB DEFAULT CHARSET=utf8";

/// Symfony's (PdoSessionHandler).
pub const SYMFONY: &str = "CREATE TABLE sessions (sess_id VARBINARY(128) NOT NULL PRIMARY KEY, sess_data BLOB NOT NULL, \
     sess_lifetime INTEGER UNSIGNED NOT NULL, sess_time INTEGER UNSIGNED NOT NULL, \
     INDEX sess_lifetime_idx (sess_lifetime)) COLLATE utf8mb4_bin, ENGINE = InnoDB";
