//! One statement as a type: diesel caches its plan under a static id, one round trip a call.
//!
//! `sql_query`, every `update` of the query builder and batch inserts are never cached.

/// `statement!(Name { field: SqlType = rust type, … } -> (row types) = "text, with ? for each field")`.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident {} -> ($($out:ty),*) = $text:literal) => {
        $(#[$doc])*
        #[derive(diesel::query_builder::QueryId)]
        struct $name;

        statement!(@fragment ($name) ($name) ($($out),*) $text);
    };
    ($(#[$doc:meta])* $name:ident { $($field:ident: $sql:ty = $rust:ty),* $(,)? } -> ($($out:ty),*) = $text:literal) => {
        $(#[$doc])*
        struct $name<'a> {
            $($field: &'a $rust,)*
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        statement!(@fragment ($name<'_>) ($name) ($($out),*) $text $($field: $sql = $rust),*);
    };
    (@fragment ($type:ty) ($name:ident) ($($out:ty),*) $text:literal $($field:ident: $sql:ty = $rust:ty),*) => {
        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $type {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                let mut text = $text.split('?');
                out.push_sql(text.next().unwrap_or_default());
                $(
                    out.push_bind_param::<$sql, $rust>(self.$field)?;
                    out.push_sql(text.next().unwrap_or_default());
                )*
                Ok(())
            }
        }

        impl diesel::query_builder::Query for $type {
            type SqlType = statement!(@row $($out),*);
        }
    };
    // A row of one column is that column.
    (@row) => { () };
    (@row $out:ty) => { $out };
    (@row $($out:ty),+) => { ($($out,)+) };
}
