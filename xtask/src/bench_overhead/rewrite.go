// Writes a call in front of every changed statement of a module: what tools do that track coverage in the source. Standard
// input has a changed file a line: its path, and its changed lines, 3 or 5-7. Prints how many calls there are.
//
//	go run rewrite.go ROOT MODULE 'Store(1)'
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

const pkg = "goathit"

func main() {
	root, module, call := os.Args[1], os.Args[2], os.Args[3]
	n := 0
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		fields := strings.Fields(in.Text())
		changed := map[int]bool{}
		for _, span := range fields[1:] {
			first, last, ok := strings.Cut(span, "-")
			if !ok {
				last = first
			}
			for line := number(first); line <= number(last); line++ {
				changed[line] = true
			}
		}
		rewrite(filepath.Join(root, fields[0]), module, call, changed, &n)
	}
	dir := filepath.Join(root, pkg)
	check(os.MkdirAll(dir, 0o755))
	text := fmt.Sprintf("package %s\n\nimport \"sync/atomic\"\n\nvar Hit [%d]atomic.Uint32\n", pkg, max(n, 1))
	check(os.WriteFile(filepath.Join(dir, "hit.go"), []byte(text), 0o644))
	fmt.Println(n)
}

// Inserts into the bytes of the file, so that lines keep their numbers.
func rewrite(path, module, call string, changed map[int]bool, n *int) {
	source, err := os.ReadFile(path)
	check(err)
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
	check(err)
	for _, spec := range file.Imports {
		if spec.Path.Value == `"C"` {
			return
		}
	}
	at := func(pos token.Pos) token.Position { return set.PositionFor(pos, false) }
	var offsets []int
	visit := func(list []ast.Stmt) {
		for _, stmt := range list {
			if _, empty := stmt.(*ast.EmptyStmt); empty {
				continue
			}
			for line := at(stmt.Pos()).Line; line <= at(head(stmt)).Line; line++ {
				if changed[line] {
					offsets = append(offsets, at(stmt.Pos()).Offset)
					break
				}
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SwitchStmt:
			for _, clause := range node.Body.List {
				visit(clause.(*ast.CaseClause).Body)
			}
		case *ast.TypeSwitchStmt:
			for _, clause := range node.Body.List {
				visit(clause.(*ast.CaseClause).Body)
			}
		case *ast.SelectStmt:
			for _, clause := range node.Body.List {
				visit(clause.(*ast.CommClause).Body)
			}
		case *ast.BlockStmt:
			if len(node.List) > 0 {
				switch node.List[0].(type) {
				case *ast.CaseClause, *ast.CommClause:
					return true
				}
			}
			visit(node.List)
		}
		return true
	})
	if len(offsets) == 0 {
		return
	}
	sort.Ints(offsets)
	var out bytes.Buffer
	end := at(file.Name.End()).Offset
	out.Write(source[:end])
	fmt.Fprintf(&out, "; import %q", module+"/"+pkg)
	for _, offset := range offsets {
		out.Write(source[end:offset])
		fmt.Fprintf(&out, "%s.Hit[%d].%s; ", pkg, *n, call)
		end = offset
		*n++
	}
	out.Write(source[end:])
	check(os.WriteFile(path, out.Bytes(), 0o644))
}

// Where the lines of a statement end that are its own.
func head(stmt ast.Stmt) token.Pos {
	switch stmt := stmt.(type) {
	case *ast.IfStmt:
		return stmt.Body.Lbrace
	case *ast.ForStmt:
		return stmt.Body.Lbrace
	case *ast.RangeStmt:
		return stmt.Body.Lbrace
	case *ast.SwitchStmt:
		return stmt.Body.Lbrace
	case *ast.TypeSwitchStmt:
		return stmt.Body.Lbrace
	case *ast.SelectStmt:
		return stmt.Body.Lbrace
	case *ast.BlockStmt:
		return stmt.Lbrace
	case *ast.LabeledStmt:
		return head(stmt.Stmt)
	}
	return stmt.End()
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
