set local search_path to quittance;

drop trigger keep_deleted_numbers on order_numbers;
drop trigger note_moved_number on order_numbers;
drop trigger keep_numbers on order_numbers;
drop function keep_numbers();
