// Command till serves prices over HTTP.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"

	"example.com/till/price"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	http.HandleFunc("/quote", quote)
	http.HandleFunc("/refund", refund)
	log.Fatal(http.Serve(listener, nil))
}

func quote(w http.ResponseWriter, r *http.Request) {
	order := orderOf(r)
	shipping, err := price.Shipping(order)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	off, why := price.Discount(order)
	answer(w, map[string]any{"cents": order.Items*order.Cents - off + shipping, "why": why})
}

func orderOf(r *http.Request) price.Order {
	return price.Order{
		Items:   number(r, "items"),
		Cents:   number(r, "cents"),
		Country: r.FormValue("country"),
		Express: r.FormValue("express") == "yes",
		Member:  number(r, "member"),
	}
}

func number(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.FormValue(name))
	if err != nil {
		return 0
	}
	return n
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(what); err != nil {
		log.Print(err)
	}
}
