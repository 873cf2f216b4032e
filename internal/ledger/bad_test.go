package ledger

import "testing"

func TestBadRecordLine(t *testing.T) {
	for _, c := range []struct {
		record string
		want   string
	}{
		{"a \"line\"\n", `{"object":"s3://b/k","offset":7,"error":"no","record":"a \"line\"\n"}` + "\n"},
		{"\xff\x00", `{"object":"s3://b/k","offset":7,"error":"no","record_base64":"/wA="}` + "\n"},
		{"", `{"object":"s3://b/k","offset":7,"error":"no"}` + "\n"},
	} {
		got, err := BadRecord{Object: "s3://b/k", Offset: 7, Error: "no", Base64: []byte(c.record)}.Line()
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %s, %v", c.record, got, err)
		}
	}
}

func TestBadKey(t *testing.T) {
	task, attempt, ok := BadOf(BadKey("j", 17, 1002))
	if task != 17 || attempt != 1002 || !ok {
		t.Error(task, attempt, ok)
	}
	for _, key := range []string{"jobs/j/bad/", "jobs/j/bad/x.1", "jobs/j/bad/00000001", "jobs/j/bad/00000001.x", "jobs/j/bad/-1.1"} {
		if _, _, ok := BadOf(key); ok {
			t.Errorf("%s is taken for one", key)
		}
	}
}
