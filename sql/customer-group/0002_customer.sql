-- Customers are found by who they are among all.

ALTER TABLE wecom_contact ADD INDEX IF NOT EXISTS by_customer (customer_id);
