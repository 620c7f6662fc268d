// goregistry serves one of two independent in-memory registries that have the referrers API.
package main

import (
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/google/go-containerregistry/pkg/registry"
)

// logged writes one line per request, so that a test can count them.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Printf("%s %s", r.Method, r.URL.RequestURI())
		next.ServeHTTP(w, r)
	})
}

func main() {
	kind := flag.String("kind", "ggcr", "ggcr or ocimem")
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	addrFile := flag.String("addr-file", "", "file that receives the address listened on")
	flag.Parse()

	var handler http.Handler
	switch *kind {
	case "ggcr":
		quiet := registry.Logger(log.New(io.Discard, "", 0))
		handler = registry.New(registry.WithReferrersSupport(true), quiet)
	case "ocimem":
		handler = ociserver.New(ocimem.New(), nil)
	default:
		log.Fatalf("unknown kind %q", *kind)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	if *addrFile != "" {
		temporary := *addrFile + ".new"
		if err := os.WriteFile(temporary, []byte(listener.Addr().String()), 0o644); err != nil {
			log.Fatal(err)
		}
		if err := os.Rename(temporary, *addrFile); err != nil {
			log.Fatal(err)
		}
	}
	log.Fatal(http.Serve(listener, logged(handler)))
}
