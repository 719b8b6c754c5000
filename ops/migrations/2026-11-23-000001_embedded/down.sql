-- Back to an empty file.
drop table audit;
drop table lanes;
drop table receipts;
drop table statements;
drop table relays;
drop table event_log;
drop table events;
drop table subjects;
drop table identities;
drop table notifications;
drop table cases;
drop table fulfilments;
drop table refunds;
drop table payments;
drop table order_numbers;
drop table orders;
drop table queue;
