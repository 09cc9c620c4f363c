use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn parse_text(text: &str) -> SourceFile {
    parse(&RepoPath::from("p.go"), text.as_bytes())
}

fn place(span: Span) -> String {
    format!("{}:{}-{}:{}", span.start.line, span.start.column, span.end.line, span.end.column)
}

/// The file's structure, one function, list or statement a line.
fn outline(file: &SourceFile) -> String {
    let mut out = String::new();
    let tops = file.functions.iter().enumerate();
    for (id, _) in tops.filter(|(id, _)| file.statements.iter().all(|s| !s.closures.contains(&FunctionId(*id as u32))))
    {
        outline_function(file, id, 0, &mut out);
    }
    out
}

fn outline_function(file: &SourceFile, id: usize, depth: usize, out: &mut String) {
    let function = &file.functions[id];
    writeln!(out, "{:depth$}func {} {}", "", function.name, place(function.span)).unwrap();
    outline_list(file, function.body, depth + 1, out);
}

fn outline_list(file: &SourceFile, block: BlockId, depth: usize, out: &mut String) {
    for id in &file.blocks[block.0 as usize].statements {
        let statement = &file.statements[id.0 as usize];
        assert_eq!(statement.block, block);
        write!(out, "{:depth$}{:?} {}", "", statement.kind, place(statement.span)).unwrap();
        if statement.header != statement.span {
            write!(out, " to {}:{}", statement.header.end.line, statement.header.end.column).unwrap();
        }
        if let Some(label) = statement.label {
            write!(out, " label {}", place(label)).unwrap();
        }
        out.push('\n');
        for closure in &statement.closures {
            outline_function(file, closure.0 as usize, depth + 2, out);
        }
        for &body in &statement.bodies {
            let block = &file.blocks[body.0 as usize];
            assert_eq!(block.owner, Some(*id));
            write!(out, "{:width$}{:?} {}", "", block.kind, place(block.span), width = depth + 1).unwrap();
            if block.header != statement.header {
                write!(out, " to {}:{}", block.header.end.line, block.header.end.column).unwrap();
            }
            out.push('\n');
            outline_list(file, body, depth + 2, out);
        }
    }
}

/// `text` is the body of a function whose `{` stands at the end of line 1.
#[track_caller]
fn check(text: &str, expected: &str) {
    let file = parse_text(&format!("package p; func f() {{\n{text}\n}}\n"));
    assert_eq!(file.syntax_errors, [], "{text}");
    let outline = outline(&file);
    let body: Vec<&str> = outline.lines().skip(1).map(|line| &line[1..]).collect();
    let expected: Vec<&str> = expected.lines().filter(|line| !line.trim().is_empty()).collect();
    let indent = expected.first().map_or(0, |first| first.len() - first.trim_start().len());
    let expected: Vec<&str> = expected.iter().map(|line| &line[indent.min(line.len())..]).collect();
    assert_eq!(body, expected, "{text}\n{}", body.join("\n"));
    assert_invariants(&file);
}

/// Ids are indices, spans nest, orders are by first byte.
fn assert_invariants(file: &SourceFile) {
    let block = |id: BlockId| &file.blocks[id.0 as usize];
    for (id, function) in file.functions.iter().enumerate() {
        assert!(function.span.start <= function.span.end);
        assert!(function.span.encloses(&block(function.body).span), "{function:?}");
        assert_eq!(block(function.body).function.0 as usize, id);
        if let Some(parent) = function.parent {
            assert!(file.functions[parent.0 as usize].span.encloses(&function.span), "{function:?}");
        }
    }
    for (id, statement) in file.statements.iter().enumerate() {
        assert!(statement.span.start <= statement.span.end);
        assert!(block(statement.block).span.encloses(&statement.span), "{statement:?} in {:?}", block(statement.block));
        assert!(statement.span.encloses(&statement.header), "{statement:?}");
        assert!(block(statement.block).statements.contains(&StatementId(id as u32)));
        for &body in &statement.bodies {
            assert!(statement.span.encloses(&block(body).span), "{statement:?} {:?}", block(body));
            assert_eq!(block(body).owner, Some(StatementId(id as u32)));
        }
        for closure in &statement.closures {
            assert!(statement.span.encloses(&file.functions[closure.0 as usize].span), "{statement:?}");
        }
    }
    for list in &file.blocks {
        for pair in list.statements.windows(2) {
            let [one, two] = [pair[0], pair[1]].map(|id| file.statements[id.0 as usize].span);
            assert!(one.end <= two.start, "{list:?}");
        }
    }
    assert!(file.functions.windows(2).all(|pair| pair[0].span.start <= pair[1].span.start));
    assert!(file.statements.windows(2).all(|pair| pair[0].span.start <= pair[1].span.start));
    assert!(file.punctuation.iter().all(|line| file.code.contains(line)));
}

#[test]
fn simple_statements_by_kind() {
    check("a = 1", "Assign 2:1-2:6");
    check("a += 1; b := 2", "Assign 2:1-2:7\nDefine 2:9-2:15");
    check("a++\na--", "IncDec 2:1-2:4\nIncDec 3:1-3:4");
    check("a <- b", "Send 2:1-2:7");
    check("<-a\n(<-a)\n((g()))\n", "Receive 2:1-2:4\nReceive 3:1-3:6\nCall 4:1-4:8");
    check("g()\ng[int](1)\n(*T)(g)()\n[]int(x)", "Call 2:1-2:4\nCall 3:1-3:10\nCall 4:1-4:10\nCall 5:1-5:9");
    check("go g()\ndefer g()", "Go 2:1-2:7\nDefer 3:1-3:10");
    check("return\nreturn 1,\n\t2", "Return 2:1-2:7\nReturn 3:1-4:3");
    check("var x int\nvar y = 1\nvar z int = 1", "VarZero 2:1-2:10\nVar 3:1-3:10\nVar 4:1-4:14");
    check("var (\n\tx int\n)\nvar (\n\ty int\n\tz = 2\n)", "VarZero 2:1-4:2\nVar 5:1-8:2");
    check("const x = 1\nconst (\n\ty = iota\n)\ntype t int", "Const 2:1-2:12\nConst 3:1-5:2\nType 6:1-6:11");
    check(";;\n;", "");
    check("{ a++ }", "Bare 2:1-2:8\n Bare 2:1-2:8\n  IncDec 2:3-2:6");
    check("ä := \"ü\"; b++", "Define 2:1-2:11\nIncDec 2:13-2:16");
}

#[test]
fn control_statements_with_their_bodies() {
    check(
        "if a := 1; a > 0 {\n\tb++\n} else if\n\tc {\n} else {\n\td++ // x\n}",
        "
        If 2:1-8:2 to 2:19
         Then 2:18-4:2
          IncDec 3:2-3:5
         Else 4:8-8:2
          If 4:8-8:2 to 5:5
           Then 5:4-6:2
           Else 6:8-8:2
            IncDec 7:2-7:5
        ",
    );
    check(
        "for i := 0; i < 3; i++ {\n\tbreak\n}\nfor a {\n\tcontinue\n}\nfor { goto x }\nfor range 3 {}\nfor k, v := range m {\n}",
        "
        For 2:1-4:2 to 2:25
         For 2:24-4:2
          Break 3:2-3:7
        For 5:1-7:2 to 5:8
         For 5:7-7:2
          Continue 6:2-6:10
        For 8:1-8:15 to 8:6
         For 8:5-8:15
          Goto 8:7-8:13
        Range 9:1-9:15 to 9:14
         Range 9:13-9:15
        Range 10:1-11:2 to 10:22
         Range 10:21-11:2
        ",
    );
    check(
        "switch a := 1; a {\n// x\ncase 1, 2:\n\tb++\n\tfallthrough\n\n// y\ncase\n\t3:\n\n// z\ndefault: b--; c++\n}",
        "
        Switch 2:1-14:2 to 2:19
         Case 4:1-6:13 to 4:11
          IncDec 5:2-5:5
          Fallthrough 6:2-6:13
         Case 9:1-10:4
         Case 13:1-13:18 to 13:9
          IncDec 13:10-13:13
          IncDec 13:15-13:18
        "
        .replace("Case 9:1-10:4\n", "Case 9:1-10:4 to 10:4\n")
        .as_str(),
    );
    check(
        "switch x := y.(type) {\ncase int, *T:\n\tx++\ndefault:\n}\nswitch {\n}\nselect {\ncase v := <-c:\n\tv()\ncase c <- 1:\ndefault:\n\tx()\n}",
        "
        TypeSwitch 2:1-6:2 to 2:23
         TypeCase 3:1-4:5 to 3:14
          IncDec 4:2-4:5
         TypeCase 5:1-5:9 to 5:9
        Switch 7:1-8:2 to 7:9
        Select 9:1-15:2 to 9:9
         Comm 10:1-11:5 to 10:15
          Call 11:2-11:5
         Comm 12:1-12:13 to 12:13
         Comm 13:1-14:5 to 13:9
          Call 14:2-14:5
        ",
    );
}

#[test]
fn labels_stand_outside_their_statements() {
    check("x:\n\tb++", "IncDec 3:2-3:5 label 2:1-2:2");
    check(
        "x: y: for {\n}\nz:\n",
        "
        For 2:7-3:2 to 2:12 label 2:1-2:5
         For 2:11-3:2
        ",
    );
    check("x:\n;\n", "Other 3:1-3:2 label 2:1-2:2");
    check("x:\n\t{\n\t\ty:\n\t}\n\ta++", "Bare 3:2-5:3 label 2:1-2:2\n Bare 3:2-5:3\nIncDec 6:2-6:5");
}

#[test]
fn closures_belong_to_the_statement_that_they_are_written_in() {
    check(
        "a := func() { b++ }\ng(x, func() {\n\th(func() {})\n}, func() {})\ndefer func() {}()\nif func() bool { return true }() {\n\tgo func() {}()\n}\nswitch a {\ncase func() int { return 1 }():\n}",
        "
        Define 2:1-2:20
          func f.func1 2:6-2:20
           IncDec 2:15-2:18
        Call 3:1-5:14
          func f.func2 3:6-5:2
           Call 4:2-4:14
             func f.func2.1 4:4-4:13
          func f.func3 5:4-5:13
        Defer 6:1-6:18
          func f.func4 6:7-6:16
        If 7:1-9:2 to 7:35
          func f.func5 7:4-7:31
           Return 7:18-7:29
         Then 7:34-9:2
          Go 8:2-8:16
            func f.func6 8:5-8:14
        Switch 10:1-12:2 to 10:11
          func f.func7 11:6-11:29
           Return 11:19-11:27
         Case 11:1-11:32 to 11:32
        ",
    );
}

#[test]
fn functions_by_name() {
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let file = parse_text(&format!("package p\n{text}\n"));
        let names: Vec<&str> = file.functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!((names.as_slice(), file.syntax_errors.as_slice()), (expected, [].as_slice()), "{text}");
        assert_invariants(&file);
    }
    check("func Tier() {}\nfunc init() {}\nfunc _() {}", &["Tier", "init", "_"]);
    check(
        "func (c *Cart) Add() {}\nfunc (Cart) Total() {}\nfunc (*Cart) x() {}",
        &["(*Cart).Add", "Cart.Total", "(*Cart).x"],
    );
    check("func (c *Cache[K, V]) Get() {}\nfunc (c Cache[_]) Len() {}", &["(*Cache).Get", "Cache.Len"]);
    check("func Map[T any, U ~int](x []T) (y []U) { return nil }", &["Map"]);
    check("func external(a int)\nfunc b() {}", &["b"]);
    check(
        "var a, b = func() {}, map[string]func(){\"x\": func() { func() {}() }}",
        &["glob..func1", "glob..func2", "glob..func2.1"],
    );
    check("type t struct{ f func() }\nvar _ = t{f: func() {}}", &["glob..func1"]);
}

#[test]
fn files_by_what_stands_outside_functions() {
    let file = parse_text(
        "// c\n\n//go:build linux\n\n// Package p.\npackage p // x\n\nimport \"fmt\"\n//line x.y:3\nvar x = `\n\n`\n",
    );
    assert_eq!((file.package.as_str(), file.build_constraint.as_deref()), ("p", Some("linux")));
    assert!(file.line_directives);
    assert_eq!((file.code.to_string().as_str(), file.punctuation.to_string().as_str()), ("6,8,10-12", ""));
    let file = parse_text("package p\n//go:build linux\nvar x int\n");
    assert_eq!((file.build_constraint, file.line_directives), (None, false));
    let imports_c = |text: &str| parse_text(&format!("package p\n{text}\n")).cgo;
    assert!(imports_c("import \"C\"") && imports_c("import (\n\t\"fmt\"\n\t_ `C`\n)"));
    assert!(!imports_c("import \"c\"\nvar s = \"C\""));
}

#[test]
fn syntax_errors_cost_what_they_cover_alone() {
    let file = parse_text("package p\nfunc a() {\n\tx++\n\ty := := 3\n\tz++\n}\nfunc b() { g() }\n");
    assert!(!file.syntax_errors.is_empty());
    let names: Vec<&str> = file.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let starts: Vec<u32> = file.statements.iter().map(|statement| statement.span.start.line).collect();
    assert_eq!(starts, [3, 4, 5, 7]);
    assert_invariants(&file);
}

#[test]
fn new_takes_any_expression_and_both_words_may_be_names() {
    check("a := new(f(x))\nb := new(1 < 2)", "Define 2:1-2:15\nDefine 3:1-3:16");
    check(
        "a(T{\n\tx: new(f(new(g(1), 2))), // c\n\ty: func() { new(h()) },\n})\nb++",
        "
        Call 2:1-5:3
          func f.func1 4:5-4:24
           Call 4:14-4:22
        IncDec 6:1-6:4
        ",
    );
    check("a := make(n - 1)\nb := make([]int, f(x))", "Define 2:1-2:17\nDefine 3:1-3:23");
}

#[test]
fn text_that_is_no_token_ends_where_it_ends() {
    for junk in ["\u{0}", "#", "'éé'", "x '"] {
        let file = parse_text(&format!("package p\nfunc f() {{\n\tg(func() {{\n\t\t{junk}\n\t}}, func() {{}})\n}}\n"));
        assert_eq!(file.statements[0].closures.len(), 2, "{junk:?}");
        assert_invariants(&file);
    }
}

#[test]
fn deep_nesting_is_only_long() {
    let nested = [("(", ")"), ("{", "}"), ("if x {", "}"), ("func() {", "}()"), ("[]T{", "}"), ("-", ""), ("x: ", ";")];
    for (open, close) in nested {
        let depth = 20_000;
        let text = format!("package p\nfunc f() {{ {}1{} }}\n", open.repeat(depth), close.repeat(depth));
        assert_invariants(&parse_text(&text));
    }
    let chain = format!("package p\nfunc f() {{ if x {{}}{} }}\n", " else if y {}".repeat(20_000));
    let file = parse_text(&chain);
    assert_eq!(file.statements.len(), 20_001);
}

/// Go text that holds most of the grammar.
const SAMPLE: &str = include_str!("sample.go.txt");

#[test]
fn the_sample_has_no_syntax_errors() {
    let file = parse_text(SAMPLE);
    assert_eq!(file.syntax_errors, []);
    assert_invariants(&file);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        assert_invariants(&parse(&RepoPath::from("p.go"), &bytes));
    }

    #[test]
    fn mutated_go_is_read(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[a-z{}()\\[\\];:=.,`\"'/*\n \u{0}é]{0,6}"), 1..8)) {
        let mut text = SAMPLE.as_bytes().to_vec();
        for (at, cut, new) in edits {
            let at = at.index(text.len());
            text.splice(at..(at + cut).min(text.len()), new.bytes());
        }
        assert_invariants(&parse(&RepoPath::from("p.go"), &text));
    }
}

#[test]
fn lines_within_the_right_side_of_a_condition_are_operands() {
    let text = "package p

func f(a, b, c bool) bool {
	if a && b &&
		g(
			c,
		) || a {
		return true
	}
	return a ||
		b
}
";
    let file = parse(&"p.go".into(), text.as_bytes());
    assert_eq!(file.operands.to_string(), "5-7,11");
}
