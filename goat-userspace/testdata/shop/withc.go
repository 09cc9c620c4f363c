//go:build withc

package main

// static int twice(int x) { return 2 * x; }
// int thrice(int x) { return twice(x) + x; }
import "C"

import "fmt"

func init() { fmt.Println(C.thrice(14)) }
