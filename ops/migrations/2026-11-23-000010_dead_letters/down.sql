delete from bodies where message_id in (select id from dead_letters);
drop table dead_letter_resolutions;
drop table dead_letter_parts;
drop table dead_letter_failures;
drop table dead_letters;
drop table failure_groups;
