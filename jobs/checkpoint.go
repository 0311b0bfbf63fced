package jobs

import (
	"encoding/binary"
	"encoding/json"
	"errors"
)

// AppendBinary writes a header of JSON and then the trainer's own bytes.
func (c *checkpoint) AppendBinary(b []byte) ([]byte, error) {
	head, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	return append(append(b, head...), c.State...), nil
}

// UnmarshalBinary reads what AppendBinary wrote; State shares b's memory.
func (c *checkpoint) UnmarshalBinary(b []byte) error {
	if len(b) < 4 {
		return errors.New("checkpoint: truncated")
	}
	n := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return errors.New("checkpoint: truncated")
	}
	c.State = b[n:]
	return json.Unmarshal(b[:n], c)
}
