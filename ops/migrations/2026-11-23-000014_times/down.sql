drop trigger keep_subscription_updated;
drop trigger keep_subscription_inserted;
drop trigger keep_expiry_updated;
drop trigger keep_expiry_inserted;
