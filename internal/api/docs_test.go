package api

import "testing"

func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"**Lists.** `a**b` and <b>\n\nmore": "<p><strong>Lists.</strong> <code>a**b</code> and &lt;b&gt;</p><p>more</p>",
		"2 ** 3":                            "<p>2 ** 3</p>",
		"- one\n- **two**":                  "<ul><li>one</li><li><strong>two</strong></li></ul>",
	} {
		if got := string(prose(text)); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", text, got, want)
		}
	}
}
