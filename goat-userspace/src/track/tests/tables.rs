//! What each kind of change becomes, at each granularity.

use super::*;

/// `KIND ANCHOR {LINES} SPAN`, one point a line, then the lines with nothing to observe. Anchors: a statement's, block's or function's
/// first byte, or a line of a statement.
fn render(sources: &SourceIndex, selected: &TrackPoints) -> Vec<String> {
    let place = |pos: Pos| format!("{}:{}", pos.line, pos.column);
    let point = |point: &TrackPoint| {
        let file = &sources.files[point.file as usize];
        let anchor = match point.anchor {
            Anchor::Statement(id) => format!("at {}", place(file.statements[id.0 as usize].span.start)),
            Anchor::Line(id, line) => format!("line {line} of {}", place(file.statements[id.0 as usize].span.start)),
            Anchor::Block(id) => format!("into {}", place(file.blocks[id.0 as usize].span.start)),
            Anchor::Function(id) => file.functions[id.0 as usize].name.clone(),
        };
        let LineRange { first, last } = point.span;
        let span = if first == last { first.to_string() } else { format!("{first}-{last}") };
        format!("{} {anchor} {:?} {span}", point.kind.as_str(), point.lines)
    };
    let none = selected.no_code.iter().filter(|lines| !lines.is_empty()).map(|lines| format!("none {lines:?}"));
    selected.points.iter().map(point).chain(none).collect()
}

/// `text`: a file behind `package p;`, its changed lines with `~` in front. `expected`: by granularity.
#[track_caller]
fn check(text: &str, expected: &[(Granularity, &str)]) {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| line.starts_with('~')).map(|(n, _)| n).collect();
    let source: String = text.lines().map(|line| format!("{}\n", line.strip_prefix('~').unwrap_or(line))).collect();
    let (changes, sources) = change([("p.go".to_owned(), format!("package p;{source}").into_bytes(), lines)]);
    assert_eq!(sources.files[0].syntax_errors, [], "{text}");
    for (granularity, expected) in expected {
        let selected = select(&changes, &sources, *granularity);
        assert_invariants(&changes, &sources, &selected);
        let got = render(&sources, &selected);
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(got, expected, "{granularity}\n{text}\n{}", got.join("\n"));
    }
}

use Granularity::{Func, Line, Patch, Scope};

#[test]
fn statements_of_one_list() {
    check(
        "func f() {
~	a++
	// comment

~	b := 1; c()
	d()
~	e()
}",
        &[
            (Line, "statement at 2:2 {2} 2\nstatement at 5:2 {5} 5\nstatement at 7:2 {7} 7"),
            (Patch, "statement at 2:2 {2,5} 2-5\nstatement at 7:2 {7} 7"),
            (Scope, "statement at 2:2 {2,5,7} 2-7"),
            (Func, "function f {2,5,7} 1-8"),
        ],
    );
}

#[test]
fn lines_on_which_nothing_runs() {
    let all = "
~import \"fmt\"
~
~// comment
~const k = 1
~var v = fmt.Sprint(
~	1)
~type t struct {
~	a int
~}
~func f(
~	a int,
~) int {
~	// comment
~	type t int
~	type u struct {
~		a int
~	}
~
~again:
	return g(func(
~		a int,
~	) {
	})
~}
~func external()
~func empty() {}";
    let none = "none {2-20,22-23,25-27}";
    check(all, &[(Line, none), (Patch, none), (Scope, none), (Func, none)]);
}

#[test]
fn lines_inside_a_statement() {
    let text = "func f() {
	a := g(
~		1,
		2,
~		func() int {
~			return 3
~		},
~	)
~	return `
~
~}
~`
}";
    let part = "part line 3 of 2:2 {3} 3\n";
    let lines = "part line 5 of 2:2 {5} 5\nstatement at 6:4 {6} 6\nstatement at 9:2 {9} 9-12\n";
    let raw = "part line 10 of 9:2 {10} 10\npart line 11 of 9:2 {11} 11\npart line 12 of 9:2 {12} 12\nnone {7-8}";
    check(
        text,
        &[
            (Line, &format!("{part}{lines}{raw}")),
            (Patch, &format!("{part}statement at 6:4 {{6}} 6\nstatement at 9:2 {{5,9-12}} 5-12\nnone {{7-8}}")),
            (Scope, "statement at 6:4 {6} 6\nstatement at 9:2 {3,5,9-12} 2-12\nnone {7-8}"),
            (Func, "function f {3,5,9-12} 1-13\nfunction f.func1 {6} 5-7\nnone {7-8}"),
        ],
    );
    check(
        "func f() {
	defer func() {
	again:
		goto again
~	}(a)
	var (
~		a int
~		b = 2
~	)
~	var c int
~	<-d
}",
        &[
            (
                Line,
                "part line 5 of 2:2 {5} 5
                part line 7 of 6:2 {7} 7
                part line 8 of 6:2 {8} 8
                statement at 10:2 {10} 10
                statement at 11:2 {11} 11
                none {9}",
            ),
            (Patch, "part line 5 of 2:2 {5} 5\nstatement at 11:2 {7-8,10-11} 7-11\nnone {9}"),
            (Scope, "statement at 11:2 {5,7-8,10-11} 2-11\nnone {9}"),
        ],
    );
}

#[test]
fn a_changed_header_tracks_what_it_guards() {
    check(
        "func f() {
	a()
~	if b {
		c()
	} else if d {
		e()
	}
	for range g {
		h()
	}
}",
        &[
            (Line, "header at 3:2 {3} 3\nbranch into 3:7 {} 3-5\nbranch into 5:9 {} 5-7"),
            (Patch, "header at 3:2 {3} 3\nbranch into 3:7 {} 3-5\nbranch into 5:9 {} 5-7"),
            (Scope, "header at 3:2 {3} 2-3\nbranch into 3:7 {} 3-5\nbranch into 5:9 {} 5-7"),
            (Func, "function f {3} 1-11"),
        ],
    );
    check(
        "func f() {
	if a &&
~		b {
~		c()
	} else {
	}
~	for {
~		if d { e() }
	}
}",
        &[
            (
                Line,
                "part line 3 of 2:2 {3} 3
                statement at 4:3 {4} 4
                branch into 5:9 {} 5-6
                header at 7:2 {7} 7
                header at 8:3 {8} 8
                branch into 8:8 {} 8",
            ),
            (
                Scope,
                "part line 3 of 2:2 {3} 2-3
                statement at 4:3 {4} 4
                branch into 5:9 {} 5-6
                header at 7:2 {7} 7
                header at 8:3 {8} 8
                branch into 8:8 {} 8",
            ),
        ],
    );
}

#[test]
fn cases() {
    check(
        "func f() {
	switch a {
~	case 1,
		2:
		b()
~	case 3:
~		c()
~		d()
~	case 4: e()
	case 5:
		f()
~	default:
	}
	select {
~	case <-a:
		b()
	case b <- 1:
	}
~	select {
	default:
	}
}",
        &[
            (
                Line,
                "branch into 3:2 {3} 3-5
                statement at 7:3 {6-7} 6-7
                statement at 8:3 {8} 8
                statement at 9:10 {9} 9
                branch into 12:2 {12} 12
                branch into 15:2 {15} 15-16
                header at 19:2 {19} 19",
            ),
            (
                Patch,
                "branch into 3:2 {3} 3-5
                statement at 7:3 {6-8} 6-8
                statement at 9:10 {9} 9
                branch into 12:2 {12} 12
                branch into 15:2 {15} 15-16
                header at 19:2 {19} 19",
            ),
        ],
    );
    check(
        "func f() {
~	switch a := b(); c := a.(type) {
	case int:
		d()
~		e()
	case string:
	default:
		if g {
~			h()
		}
	}
}",
        &[
            (
                Line,
                "header at 2:2 {2} 2
                branch into 3:2 {} 3-5
                statement at 5:3 {5} 5
                branch into 6:2 {} 6
                branch into 7:2 {} 7-10
                statement at 9:4 {9} 9",
            ),
            (
                Scope,
                "header at 2:2 {2} 2
                statement at 5:3 {5} 3-5
                branch into 6:2 {} 6
                branch into 7:2 {} 7-10
                statement at 9:4 {9} 9",
            ),
        ],
    );
}

#[test]
fn closures_are_functions_of_their_own() {
    check(
        "var g = func() { a() }
~var h = func() { b() }
func f() {
~	c(func() { d() }, func() { if e { f() } })
}",
        &[
            (
                Line,
                "statement at 2:18 {2} 2
                statement at 4:2 {4} 4
                statement at 4:13 {} 4
                header at 4:29 {} 4
                branch into 4:34 {} 4",
            ),
            (
                Func,
                "function glob..func2 {2} 2
                function f {4} 3-5
                function f.func1 {} 4
                function f.func2 {} 4",
            ),
        ],
    );
}

#[test]
fn one_point_for_one_entry() {
    check(
        "func f() {
~	for a {
~		var b int
~
~		c()
		d()
	}
~	for a {
		var b int
~		c()
	}
}",
        &[
            (
                Line,
                "header at 2:2 {2} 2
                statement at 3:3 {3} 3
                statement at 5:3 {5} 5
                header at 8:2 {8} 8
                branch into 8:8 {} 8-11
                statement at 10:3 {10} 10
                none {4}",
            ),
            (
                Patch,
                "header at 2:2 {2} 2
                statement at 5:3 {3,5} 3-5
                header at 8:2 {8} 8
                branch into 8:8 {} 8-11
                statement at 10:3 {10} 10
                none {4}",
            ),
            (
                Scope,
                "header at 2:2 {2} 2
                statement at 5:3 {3,5} 3-6
                header at 8:2 {8} 8
                statement at 10:3 {10} 9-10
                none {4}",
            ),
        ],
    );
}

#[test]
fn braces_on_their_own_are_no_scope() {
    check(
        "func f() {
~	a()
	{
~		b()
		if c {
~			d()
		}
~		e()
	}
~	g()
}",
        &[
            (
                Patch,
                "statement at 2:2 {2} 2
                statement at 4:3 {4} 4
                statement at 6:4 {6} 6
                statement at 8:3 {8} 8
                statement at 10:2 {10} 10",
            ),
            (
                Scope,
                "statement at 2:2 {2,4} 2-5
                statement at 6:4 {6} 6
                statement at 8:3 {8,10} 8-10",
            ),
        ],
    );
}

#[test]
fn files_in_the_order_given_and_ids_from_one() {
    let text = "package p\nfunc f() {\n\ta()\n}\n";
    let lines: LineSet = [3].into_iter().collect();
    let (changes, sources) =
        change(["a.go", "b.go"].map(|path| (path.to_owned(), text.as_bytes().to_vec(), lines.clone())));
    let selected = select(&changes, &sources, Patch);
    assert_eq!(selected.points.iter().map(|point| (point.id, point.file)).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
    assert_eq!(select(&change([]).0, &change([]).1, Patch), TrackPoints { points: Vec::new(), no_code: Vec::new() });
}

#[test]
fn a_marker_adds_a_point_where_there_is_none() {
    check(
        "func f() {
	// +goat:insert
	a()
	// +goat:insert

~	b()
	if c {
		// +goat:insert why
		d()
	}
~	// +goat:insert
}",
        &[
            (Line, "marked at 3:2 {} 3\nstatement at 6:2 {6} 6\nmarked at 9:3 {} 9\nnone {11}"),
            (Func, "function f {6} 1-12\nmarked at 3:2 {} 3\nmarked at 6:2 {} 6\nmarked at 9:3 {} 9\nnone {11}"),
        ],
    );
}
