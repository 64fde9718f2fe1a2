// Command serve starts the example portal where the proxy alone can reach it. The
// portal itself is the package above.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"idms/examples/portal"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8082", "address that the proxy alone can reach")
	idms := flag.String("idms", "http://127.0.0.1:8080", "idms, as this machine reaches it")
	flag.Parse()
	server := &http.Server{Addr: *listen, Handler: portal.New(*idms), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
