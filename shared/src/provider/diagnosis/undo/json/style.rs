//! Ways to write JSON: what libraries differ in.

use super::tree::Node;

#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) order: Order,
    pub(super) layout: Layout,
    /// `\/`, as PHP writes it.
    pub(super) slashes: bool,
    pub(super) letters: Letters,
    /// `\u003c`, `\u003e`, `\u0026`, as Go writes them.
    pub(super) html: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Order {
    AsItCame,
    ByName,
    /// These first, the rest by name.
    First(&'static [&'static str]),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Compact,
    /// A blank behind each comma and colon, as Python writes it.
    Spaced,
    /// Lines, indented by this.
    Indented(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Plain,
    /// `\u8bed`.
    Lower,
    /// `\u8BED`.
    Upper,
}

impl Style {
    pub(super) fn write(self, node: &Node) -> String {
        let mut text = String::new();
        self.write_node(node, 0, &mut text);
        text
    }

    /// How it was written first.
    pub(super) fn describe(self) -> String {
        let mut words = vec![match self.layout {
            Layout::Compact => "compact",
            Layout::Spaced => "with a blank behind commas and colons",
            Layout::Indented(_) => "in indented lines",
        }];
        words.extend(match self.order {
            Order::AsItCame => None,
            Order::ByName => Some("keys by name"),
            Order::First(_) => Some("keys in the provider's order"),
        });
        words.extend(self.slashes.then_some("slashes escaped"));
        words.extend((self.letters != Letters::Plain).then_some("letters as \\u escapes"));
        words.extend(self.html.then_some("<, > and & as \\u escapes"));
        format!("it was sent {}", words.join(", "))
    }

    fn write_node(self, node: &Node, depth: usize, out: &mut String) {
        match node {
            Node::Literal(text) => out.push_str(text),
            Node::Text(text) => self.write_text(text, out),
            Node::List(items) => self.write_items(('[', ']'), items, (depth, out), |item, out| {
                self.write_node(item, depth + 1, out);
            }),
            Node::Object(pairs) => {
                let pairs = self.ordered(pairs);
                self.write_items(('{', '}'), &pairs, (depth, out), |(key, value), out| {
                    self.write_text(key, out);
                    out.push_str(if self.layout == Layout::Compact { ":" } else { ": " });
                    self.write_node(value, depth + 1, out);
                });
            }
        }
    }

    fn write_items<T>(
        self,
        (open, close): (char, char),
        items: &[T],
        (depth, out): (usize, &mut String),
        write: impl Fn(&T, &mut String),
    ) {
        let new_line = |depth: usize, out: &mut String| {
            if let Layout::Indented(by) = self.layout {
                out.push('\n');
                out.extend(std::iter::repeat_n(by, depth));
            }
        };
        out.push(open);
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                out.push_str(if self.layout == Layout::Spaced { ", " } else { "," });
            }
            new_line(depth + 1, out);
            write(item, out);
        }
        if !items.is_empty() {
            new_line(depth, out);
        }
        out.push(close);
    }

    fn ordered(self, pairs: &[(String, Node)]) -> Vec<&(String, Node)> {
        let mut ordered: Vec<_> = pairs.iter().collect();
        let place = |first: &[&str], key: &str| {
            first.iter().position(|known| *known == key).unwrap_or(first.len())
        };
        match self.order {
            Order::AsItCame => (),
            Order::ByName => ordered.sort_by(|a, b| a.0.cmp(&b.0)),
            Order::First(first) => {
                ordered.sort_by(|a, b| (place(first, &a.0), &a.0).cmp(&(place(first, &b.0), &b.0)))
            }
        }
        ordered
    }

    fn write_text(self, text: &str, out: &mut String) {
        out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '/' if self.slashes => out.push_str("\\/"),
                '<' | '>' | '&' if self.html => escape(letter, false, out),
                ' '..='~' => out.push(letter),
                _ if !letter.is_ascii() && self.letters == Letters::Plain => out.push(letter),
                _ => escape(letter, self.letters == Letters::Upper, out),
            }
        }
        out.push('"');
    }
}

fn escape(letter: char, upper: bool, out: &mut String) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        out.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
    }
}
