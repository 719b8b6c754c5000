set local search_path to quittance;

delete from bodies b using dead_letters d where b.message_id = d.id;
drop table dead_letter_resolutions;
drop table dead_letter_parts;
drop table dead_letter_failures;
drop table dead_letters;
drop table failure_groups;
