//! Small XML documents, as trees. quick-xml, which is named nowhere else, escapes and writes them.

use std::{
    fmt,
    io::{self, Write as _},
};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

/// An element with what is in it.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), content: Vec::new() }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(super) fn with(mut self, attribute: &'static str, value: impl fmt::Display) -> Self {
        self.attributes.push((attribute, allowed(&value.to_string())));
        self
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        self.content.push(Node::Element(child));
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.content.extend(children.into_iter().map(Node::Element));
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.content.push(Node::Text(allowed(text)));
        self
    }

    /// The element as a document, with a declaration and indentation.
    pub(super) fn document(&self) -> String {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        writer
            .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
            .and_then(|()| self.write(&mut writer))
            .and_then(|()| writer.get_mut().write_all(b"\n"))
            .expect("a Vec takes every write");
        String::from_utf8(writer.into_inner()).expect("names, values and texts are UTF-8")
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let attributes = self.attributes.iter().map(|(name, value)| (*name, value.as_str()));
        let element = writer.create_element(self.name).with_attributes(attributes);
        if self.content.is_empty() {
            return element.write_empty().map(drop);
        }
        let content = |writer: &mut Writer<Vec<u8>>| {
            self.content.iter().try_for_each(|node| match node {
                Node::Element(child) => child.write(writer),
                Node::Text(text) => writer.write_event(Event::Text(BytesText::new(text))),
            })
        };
        element.write_inner_content(content).map(drop)
    }
}

/// `text` with U+FFFD for what XML 1.0 has no way to write, escaped or not: `Char`, section 2.2.
fn allowed(text: &str) -> String {
    let is_char = |c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_char(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Whether `xml` is a document, with nothing in it that XML 1.0 forbids.
#[cfg(test)]
pub(super) fn is_well_formed(xml: &str) -> bool {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut depth = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) if start.attributes().all(|attribute| attribute.is_ok()) => depth += 1,
            Ok(Event::End(_)) => depth -= 1,
            Ok(Event::Eof) => return depth == 0 && allowed(xml) == xml,
            Ok(Event::Empty(_) | Event::Text(_) | Event::Decl(_) | Event::GeneralRef(_)) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_written_indented_and_escaped() {
        let tree = Element::new("a")
            .with("n", 3)
            .with("text", "<\"&'>")
            .child(Element::new("b"))
            .child(Element::new("c").text("x < y && \u{1b}[2J\u{0}\u{ffff}"));
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<a n=\"3\" text=\"&lt;&quot;&amp;&apos;&gt;\">
  <b/>
  <c>x &lt; y &amp;&amp; \u{fffd}[2J\u{fffd}\u{fffd}</c>
</a>
";
        assert_eq!(tree.document(), expected);
        assert!(is_well_formed(expected));
        for broken in ["<a>", "<a></b>", "<a b=1 b=2/><a b='1' b='2'></a>", "<a>\u{0}</a>"] {
            assert!(!is_well_formed(broken), "{broken:?}");
        }
    }
}
