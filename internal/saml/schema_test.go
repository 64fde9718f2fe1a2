package saml

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"idms/test/needs"
)

// validate is a schema check by PHP's libxml2, with the schemas of OASIS that
// SimpleSAMLphp brings along. Nothing is fetched.
const validate = `libxml_use_internal_errors(true);
$document = new DOMDocument();
$good = $document->load($argv[1], LIBXML_NONET) && $document->schemaValidate($argv[2]);
foreach (libxml_get_errors() as $error) { fwrite(STDERR, $error->line . ": " . $error->message); }
exit($good ? 0 : 1);`

func TestWhatWeSendFollowsTheSchemasOfOASIS(t *testing.T) {
	php := needs.SimpleSAMLphp(t)
	check := func(t *testing.T, schema string, text []byte) (string, error) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "document.xml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(php.Program, "-r", validate, "--", file, filepath.Join(php.SimpleSAMLphp, "schemas", schema)).CombinedOutput()
		return string(out), err
	}

	t.Run("our metadata", func(t *testing.T) {
		s := Settings{SignRequests: true, LegacyCBC: true, PreviousOrigins: []string{"https://old.example"},
			NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}
		text, err := SPMetadata(s, s.SP("acme", "https://idms.example", []Key{serviceKey()}), keyMadeAt)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := check(t, "saml-schema-metadata-2.0.xsd", text); err != nil {
			t.Errorf("%v\n%s\n%s", err, out, text)
		}
	})
	t.Run("our requests", func(t *testing.T) {
		s, idp, sp := connection()
		s.ForceAuthn, s.RequestContexts, s.AllowedContexts = true, true, []string{token, smartcard}
		for _, text := range [][]byte{signedPost(t, Exclusive), signedPost(t, C14N11), message(t, build(t, s, idp, sp, options()))} {
			if out, err := check(t, "saml-schema-protocol-2.0.xsd", text); err != nil {
				t.Errorf("%v\n%s\n%s", err, out, text)
			}
		}
	})
	t.Run("the metadata that our tests read", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join("testdata", "metadata", "*.xml"))
		if err != nil || len(files) == 0 {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte("wsfed")) {
				continue // Entra ID and ADFS: their WS-Federation roles are of another schema
			}
			if out, err := check(t, "saml-schema-metadata-2.0.xsd", text); err != nil {
				t.Errorf("%s: %v\n%s", file, err, out)
			}
		}
	})
	t.Run("the check itself sees a wrong child", func(t *testing.T) {
		if _, err := check(t, "saml-schema-metadata-2.0.xsd", []byte(metadataOf("", "<md:Wrong/>"))); err == nil {
			t.Error("passed")
		}
	})
}
